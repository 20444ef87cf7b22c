"""A client and real processes: equal vectors, one process for all, questions first, errors as sentences."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from oasis_search.encoder import load, shipped_models
from oasis_search.encoder.protocol import Vectors
from oasis_search.errors import Cancelled, EncoderError, ModelFolderError
from oasis_search.service import EncoderClient, EncoderSpec, EncoderUnavailable, TextsRefused
from oasis_search.service.spec import ServiceState

if TYPE_CHECKING:
    from tests.unit.service.conftest import Clients

Reference = Callable[[Sequence[str]], Vectors]
Eventually = Callable[..., None]

TEXTS = [f"def read_{number}(path): return parse(open(path), {number})" for number in range(700)]


def recorded(path: Path) -> list[dict[str, Any]]:
    """What a fake encoder was asked, slice by slice."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_vectors_equal_those_of_the_encoder_in_process(clients: "Clients") -> None:
    client, encoder = clients.static(), load("static")
    found = client.describe()
    assert (found.name, found.fingerprint, found.dim) == ("static", encoder.fingerprint, encoder.dim)
    texts = ["", "§", *TEXTS, "\ud83d", "x" * 300_000, "größe 🙂\r\n"]
    np.testing.assert_array_equal(client.encode(texts), encoder.encode(texts))
    np.testing.assert_array_equal(client.encode(texts, "query", urgent=True), encoder.encode(texts, "query"))
    assert client.encode([]).shape == (0, encoder.dim)


def test_nothing_starts_before_the_first_call(clients: "Clients", runtime_dir: Path) -> None:
    client = clients.static()
    assert client.state == ServiceState()
    client.close()
    assert not runtime_dir.exists()


def test_states_are_told_in_order(clients: "Clients", eventually: Eventually) -> None:
    states: list[ServiceState] = []
    client = clients.static(on_state=states.append, idle_s=0.2)
    client.encode(["x"])
    pid = client.state.pid
    eventually(lambda: states[-1].phase == "idle")
    assert [state.phase for state in states] == ["starting", "loading", "ready", "idle"]
    assert [state.pid for state in states] == [None, pid, pid, None]


def test_listener_that_fails_harms_nobody(clients: "Clients") -> None:
    def fail(state: ServiceState) -> None:
        raise RuntimeError(state.phase)

    assert clients.static(on_state=fail).encode(["x"]).shape == (1, 256)


OTHER_WINDOW = """
import sys
from pathlib import Path
from oasis_search.service import EncoderClient, EncoderSpec
client = EncoderClient(EncoderSpec("static", linger_s=0.3), Path(sys.argv[1]))
client.describe()
print(client.state.pid, flush=True)
sys.stdin.read()
"""


def test_windows_that_start_together_share_one_process(clients: "Clients", runtime_dir: Path) -> None:
    windows = [
        subprocess.Popen(
            [sys.executable, "-c", OTHER_WINDOW, str(runtime_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    client = clients.static()
    client.describe()
    pids = {int(window.stdout.readline()) for window in windows if window.stdout}
    assert pids == {client.state.pid}
    for window in windows:
        window.communicate()
    np.testing.assert_array_equal(client.encode(TEXTS[:3]), load("static").encode(TEXTS[:3]))
    assert client.state.pid in pids


def test_question_goes_before_everything_that_waits(
    clients: "Clients", tmp_path: Path, eventually: Eventually, fake_vectors: Reference
) -> None:
    record = tmp_path / "record"
    client = clients.fake(record=str(record), delay_s=0.06)  # Longer than a slice should be: one text each.
    client.describe()
    results: dict[str, Vectors] = {}
    threads = [
        threading.Thread(target=lambda n=name: results.update({n: client.encode([n * 9000] * 5)}))
        for name in "ab"
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: recorded(record))
    np.testing.assert_array_equal(client.encode(["why"], "query", urgent=True), fake_vectors(["why"]))
    n_before = next(n for n, call in enumerate(recorded(record)) if call["texts"] == ["why"])
    for thread in threads:
        thread.join()
    calls = recorded(record)
    assert n_before <= 3
    assert len(calls) == 11
    assert [call["texts"] for call in calls if call["role"] == "query"] == [["why"]]
    for name in "ab":
        np.testing.assert_array_equal(results[name], fake_vectors([name * 9000] * 5))


def test_question_does_not_wait_for_a_slice_that_is_at_another_machine(
    clients: "Clients", tmp_path: Path, eventually: Eventually, fake_vectors: Reference
) -> None:
    record, done = tmp_path / "record", tmp_path / "done"
    endpoint = {"url": "http://127.0.0.1:1/v1", "model": "m", "batch": 3, "concurrency": 2}
    client = clients.fake(model="endpoint", endpoint=endpoint, record=str(record), until=str(done))
    texts = ["wait"] * 7
    results: list[Vectors] = []
    thread = threading.Thread(target=lambda: results.append(client.encode(texts)))
    thread.start()
    eventually(lambda: recorded(record))
    np.testing.assert_array_equal(client.encode(["why"], "query", urgent=True), fake_vectors(["why"]))
    done.write_text("")
    thread.join()
    np.testing.assert_array_equal(results[0], fake_vectors(texts))
    assert [len(call["texts"]) for call in recorded(record)] == [4, 1, 3]


def test_cancelled_call_ends_and_the_rest_of_it_is_not_encoded(
    clients: "Clients", tmp_path: Path, eventually: Eventually
) -> None:
    record = tmp_path / "record"
    client = clients.fake(record=str(record), delay_s=0.06)
    client.describe()
    with pytest.raises(Cancelled):
        client.encode(["x" * 9000] * 200, cancelled=lambda: bool(recorded(record)))
    client.encode(["last"])
    assert recorded(record)[-1]["texts"] == ["last"]
    assert len(recorded(record)) < 100


def test_late_answer_is_unavailable(clients: "Clients") -> None:
    client = clients.fake(load_s=30)
    with pytest.raises(EncoderUnavailable, match=r"did not answer within 0\.1 s"):
        client.describe(timeout_s=0.1)
    with pytest.raises(EncoderUnavailable, match=r"did not answer within 0\.05 s"):
        client.encode(["x"], urgent=True, timeout_s=0.05)


def test_closing_ends_calls_under_way(clients: "Clients", eventually: Eventually) -> None:
    client = clients.fake(load_s=30)
    errors: list[BaseException] = []

    def call() -> None:
        try:
            client.encode(["x"])
        except EncoderUnavailable as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    eventually(lambda: client.state.phase == "loading")
    client.close()
    thread.join()
    assert "closed" in str(errors[0])
    with pytest.raises(EncoderUnavailable, match="closed"):
        client.describe()


def test_sentence_of_a_model_that_cannot_be_honoured_comes_over(clients: "Clients", tmp_path: Path) -> None:
    client = clients.fake("refuse", model=str(tmp_path))
    for _ in range(2):
        with pytest.raises(ModelFolderError, match=r"uses pooling 'max'\. Choose a model"):
            client.describe()
    with pytest.raises(ModelFolderError, match="uses pooling 'max'"):
        client.encode(["x"])
    assert client.state.phase == "failed"
    assert "uses pooling 'max'" in client.state.message
    (tmp_path / "fixed").write_text("")
    assert client.describe().name == "fake"
    assert client.encode(["x"]).shape == (1, 8)


def test_folder_that_no_encoder_loads_is_named(clients: "Clients", tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    shutil.copytree(shipped_models()["static"], cut)
    (cut / "weights.npy").write_bytes(b"")
    with pytest.raises(ModelFolderError, match=r"weights\.npy"):
        clients.make(EncoderSpec(str(cut), linger_s=0.3)).encode(["x"])


def test_defect_in_a_loader_is_a_sentence_too(clients: "Clients", runtime_dir: Path) -> None:
    client = clients.fake("break_down")
    with pytest.raises(EncoderError, match=r"RuntimeError: no kernel for fake"):
        client.describe()
    log = next(runtime_dir.glob("*.log")).read_text()
    assert "Traceback" in log


def test_error_of_the_encoder_is_that_of_the_call_alone(clients: "Clients", fake_vectors: Reference) -> None:
    client = clients.fake()
    with pytest.raises(EncoderError, match=r"127\.0\.0\.1:1/v1 is down"):
        client.encode(["a", "sorry", "b"])
    np.testing.assert_array_equal(client.encode(["a"]), fake_vectors(["a"]))
    assert client.state.restarts == 0


@pytest.mark.parametrize("word", ["raise", "memory", "nan", "long"])
def test_text_without_a_sound_vector_is_refused_alone(
    word: str, clients: "Clients", fake_vectors: Reference
) -> None:
    client = clients.fake()
    with pytest.raises(TextsRefused) as refused:
        client.encode(["a", f"{word} this", "b", "c", word])
    assert refused.value.rows == (1, 4)
    others = [0, 2, 3]
    np.testing.assert_array_equal(refused.value.vectors[others], fake_vectors(["a", "b", "c"]))
    assert not refused.value.vectors[[1, 4]].any()
    assert client.state.restarts == 0


def test_wrong_dimension_is_an_error(clients: "Clients") -> None:
    with pytest.raises(EncoderError, match=r"shape \[2, 5\] for 2 texts and 8 dimensions"):
        clients.fake().encode(["shape", "a"])


def test_model_that_changes_on_reload_is_an_error(
    clients: "Clients", tmp_path: Path, eventually: Eventually
) -> None:
    source = tmp_path / "fingerprint"
    source.write_text("a" * 32)
    client: EncoderClient = clients.fake(fingerprint_file=str(source), idle_s=0.2)
    client.encode(["x"])
    eventually(lambda: client.state.phase == "idle")
    source.write_text("b" * 32)
    with pytest.raises(EncoderError, match="changed while it was in use"):
        client.encode(["x"])
    assert client.state.phase == "failed"
