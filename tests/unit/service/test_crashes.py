"""Processes that die: every vector that comes back is right, a bad text harms no other, giving up is said."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from oasis_search.encoder import load
from oasis_search.encoder.protocol import Vectors
from oasis_search.service import EncoderUnavailable, Patience, TextsRefused

if TYPE_CHECKING:
    from tests.unit.service.conftest import Clients

Reference = Callable[[Sequence[str]], Vectors]
Eventually = Callable[..., None]

N_KILLS = 6


def test_kills_at_random_moments_change_no_vector(clients: "Clients") -> None:
    """Three threads encode and a fourth asks, while the process is killed again and again."""
    client = clients.static(patience=Patience(first_pause_s=0.01, longest_pause_s=0.05, max_deaths=1000))
    words = "read file path parse json http server name base the open close hash tree node".split()  # noqa: SIM905
    chance = random.Random(7)
    batches = [[" ".join(chance.choices(words, k=40)) for _ in range(400)] for _ in range(3)]
    encoder = load("static")
    expected = [encoder.encode(batch) for batch in batches]
    question = encoder.encode(["parse the file"], "query")
    done = threading.Event()
    wrong: list[object] = []
    n_encoded, n_asked = [0, 0, 0], [0]

    def index(number: int) -> None:
        while not done.is_set():
            try:
                if not np.array_equal(client.encode(batches[number]), expected[number]):
                    wrong.append(number)
                n_encoded[number] += 1
            except Exception as error:
                wrong.append(error)
                return

    def ask() -> None:
        while not done.is_set():
            with contextlib.suppress(EncoderUnavailable):
                answer = client.encode(["parse the file"], "query", urgent=True, timeout_s=5)
                if not np.array_equal(answer, question):
                    wrong.append("question")
                n_asked[0] += 1
            time.sleep(0.005)

    threads = [threading.Thread(target=index, args=(number,)) for number in range(3)]
    threads.append(threading.Thread(target=ask))
    for thread in threads:
        thread.start()
    killed: set[int] = set()
    deadline = time.monotonic() + 60
    while len(killed) < N_KILLS and time.monotonic() < deadline:
        time.sleep(chance.uniform(0, 0.2))
        pid = client.state.pid
        if pid is not None and pid not in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed.add(pid)
    before = list(n_encoded)
    while any(now <= then for now, then in zip(n_encoded, before, strict=True)) and not wrong:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(killed) == N_KILLS
    assert client.state.restarts >= N_KILLS - 1  # The last pid seen may have been that of the death before.
    assert n_asked[0] > 0


def test_text_that_ends_the_process_is_refused_and_harms_no_other(
    clients: "Clients", fake_vectors: Reference
) -> None:
    """Neither those of the same call nor those of another window."""
    client, other = clients.fake(delay_s=0.01), clients.fake(delay_s=0.01)
    others = list(map(str, range(1000, 1030)))
    answers: list[Vectors] = []
    thread = threading.Thread(target=lambda: answers.extend(other.encode(others) for _ in range(5)))
    thread.start()
    texts = [*map(str, range(40)), "crash here", *map(str, range(40, 60))]
    with pytest.raises(TextsRefused, match="ended the encoder process") as refused:
        client.encode(texts)
    thread.join()
    assert len(answers) == 5
    assert all(np.array_equal(answer, fake_vectors(others)) for answer in answers)
    assert refused.value.rows == (40,)
    texts[40] = ""
    found, sound = refused.value.vectors, [row for row in range(len(texts)) if row != 40]
    np.testing.assert_array_equal(found[sound], fake_vectors(texts)[sound])
    restarts = client.state.restarts
    with pytest.raises(TextsRefused):
        client.encode(["crash here"])  # Known by now: nothing ends any more, also not for a question.
    with pytest.raises(TextsRefused):
        client.encode(["crash here"], urgent=True)
    np.testing.assert_array_equal(client.encode(["a", "b"]), fake_vectors(["a", "b"]))
    assert client.state.restarts == restarts


def test_question_does_not_wait_for_a_process_that_died(clients: "Clients") -> None:
    client = clients.fake(patience=Patience(first_pause_s=60))
    client.describe()
    with pytest.raises(EncoderUnavailable, match="signal 9, perhaps for want of memory"):
        client.encode(["crash"], urgent=True)
    with pytest.raises(EncoderUnavailable, match="signal 9"):
        client.encode(["why"], urgent=True)
    assert client.state.phase == "restarting"


def test_process_that_dies_while_nothing_is_asked_is_started_again(
    clients: "Clients", eventually: Eventually
) -> None:
    client = clients.static()
    client.describe()
    pid = client.state.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: client.state.phase == "ready" and client.state.pid != pid)
    assert client.state.restarts == 1


def test_process_that_never_comes_up_is_given_up_with_its_last_words(clients: "Clients") -> None:
    client = clients.fake("die", patience=Patience(first_pause_s=0.01, max_deaths=3))
    with pytest.raises(EncoderUnavailable, match=r"no AVX-1024.*3 times in vain"):
        client.encode(["x"])
    state = client.state
    assert (state.phase, state.restarts) == ("failed", 3)
    with pytest.raises(EncoderUnavailable, match="AVX-1024"):
        client.encode(["x"])
    assert client.state == state  # Not tried again by itself ...
    with pytest.raises(EncoderUnavailable, match="AVX-1024"):
        client.describe()
    assert client.state.restarts == 6  # ... but when asked to.


def test_crash_in_a_library_is_named(clients: "Clients") -> None:
    client = clients.fake(patience=Patience(first_pause_s=60))
    client.describe()
    with pytest.raises(EncoderUnavailable, match=r"signal 6.*Fatal Python error: Aborted"):
        client.encode(["abort"], urgent=True)


def test_folder_of_another_user_makes_the_encoder_unavailable(
    clients: "Clients", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(EncoderUnavailable, match="another user"):
        clients.static().describe()
