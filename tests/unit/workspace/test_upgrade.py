"""A model spreads over a real session: real processes, a real store, real kills."""

import contextlib
import hashlib
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oasis_search.index import quantise
from oasis_search.index.model_text import model_text
from oasis_search.index.tiers import covered
from oasis_search.search.query import Query
from oasis_search.service import EncoderSpec
from oasis_search.settings import IndexSettings, SearchSettings, Settings
from oasis_search.workspace import indexer, upgrade
from oasis_search.workspace.changes import Cause, FileChange
from oasis_search.workspace.session import Session

FAKES = Path(__file__).parents[1] / "service"
WITHIN_S = 60
N_FUNCTIONS = 120


class Models:
    """What the settings' model names stand for in these tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options: dict[str, dict[str, object]] = {}

    def add(self, name: str, loader: str = "load", **options: object) -> None:
        fingerprint = hashlib.sha256(name.encode()).hexdigest()[:32]
        self.options[name] = {
            "loader": loader,
            "name": name,
            "fingerprint": fingerprint,
            "record": str(self.folder / f"{name}.jsonl"),
            **options,
        }

    def spec_of(self, settings: Settings) -> EncoderSpec | None:
        known = self.options.get(settings.search.model)
        if known is None:
            return None
        options = {key: value for key, value in known.items() if key != "loader"}
        loader = f"fake_encoders:{known['loader']}"
        return EncoderSpec(settings.search.model, 1, options, linger_s=0.3, loader=loader)

    def encoded(self, name: str) -> list[str]:
        """Code that the model's processes were given, in order."""
        path = self.folder / f"{name}.jsonl"
        if not path.exists():
            return []
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [text for line in lines if line["role"] == "code" for text in line["texts"]]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    made = Models(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    monkeypatch.setattr(indexer, "spec_of", made.spec_of)
    monkeypatch.setattr(indexer, "first_tier_of", lambda settings: "static")
    monkeypatch.setattr(upgrade, "QUIET_S", 0.05)
    monkeypatch.setattr(upgrade, "FIRST_PAUSE_S", 0.05)
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    for number in range(N_FUNCTIONS // 4):
        functions = [f"def task_{number}_{i}(x):\n    return x + {i}\n" for i in range(4)]
        (folder / f"m{number}.py").write_text("\n\n".join(functions), encoding="utf-8")
    then = time.time() - 60
    for path in folder.iterdir():
        os.utime(path, (then, then))
    return folder


@contextlib.contextmanager
def session_on(root: Path, model: str) -> Iterator[Session]:
    settings = Settings(cache_dir=str(root.parent / "cache"), search=SearchSettings(model=model))
    with Session(settings) as session:
        session.add_folder(root)
        assert session.wait_ready(WITHIN_S)
        yield session


def share(session: Session) -> float:
    return session.status()[0].coverage.model


def eventually(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def choose(session: Session, root: Path, model: str) -> None:
    settings = Settings(cache_dir=str(root.parent / "cache"), search=SearchSettings(model=model))
    session.set_settings(settings)


def check_vectors(session: Session, root: Path, vectors_of: Callable[[list[str]], object]) -> None:
    """Every unit that is covered has the very vector of its text."""
    folder = session._indexer.folders[root]
    snapshot = folder.snapshot
    has = covered(snapshot, folder.model)
    for unit in np.flatnonzero(has).tolist():
        view = snapshot.view(unit)
        text = model_text(view, (root / view.path).read_bytes())
        expected = quantise(vectors_of([text]))  # type: ignore[arg-type]
        segment, row = snapshot.locate(unit)
        assert segment.vectors[folder.model].codes[row].tobytes() == expected.codes[0].tobytes()


@pytest.fixture
def vectors_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], object]:
    monkeypatch.syspath_prepend(str(FAKES))
    import fake_encoders  # type: ignore[import-not-found] # found by the line above

    function: Callable[[list[str]], object] = fake_encoders.vectors_of
    return function


def test_the_model_covers_everything_once(
    models: Models, root: Path, vectors_of: Callable[[list[str]], object]
) -> None:
    models.add("a")
    with session_on(root, "a") as session:
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert share(session) == 1.0
        check_vectors(session, root, vectors_of)
        answer = session.search(Query("task 7"))
        assert answer.model == "a"
        assert any(reason.signal == "model" for found in answer.hits for reason in found.hit.reasons)
        assert session.status()[0].embedded == 2 * N_FUNCTIONS
        status = session.model_status()
        assert status is not None
        assert (status.name, status.phase, status.place, status.message) == ("a", "ready", "nowhere", "")
    assert len(models.encoded("a")) == N_FUNCTIONS
    with session_on(root, "a") as session:
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert share(session) == 1.0
        assert session.status()[0].embedded == 0
    assert len(models.encoded("a")) == N_FUNCTIONS


def test_nobody_waits_for_a_model_of_a_folder_that_is_not_indexed(models: Models, root: Path) -> None:
    models.add("a")
    settings = Settings(cache_dir=str(root.parent / "cache"), index=IndexSettings(enabled=False))
    with Session(replace(settings, search=SearchSettings(model="a"))) as session:
        session.add_folder(root)
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert session.wait_model(WITHIN_S)


def test_an_edit_encodes_what_changed_and_nothing_else(models: Models, root: Path) -> None:
    models.add("a")
    with session_on(root, "a") as session:
        assert session.wait_ready(WITHIN_S, with_model=True)
        path = root / "m3.py"
        text = path.read_text(encoding="utf-8").replace("return x + 2", "return x * 2")
        path.write_text(text, encoding="utf-8")
        session.apply([FileChange(path, Cause.WATCHED)])
        eventually(lambda: len(models.encoded("a")) == N_FUNCTIONS + 1)
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert share(session) == 1.0
    assert "return x * 2" in models.encoded("a")[-1]


def test_typed_text_is_encoded_and_not_stored(models: Models, root: Path) -> None:
    models.add("a")
    path = root / "m3.py"
    saved = path.read_text(encoding="utf-8")
    with session_on(root, "a") as session:
        assert session.wait_ready(WITHIN_S, with_model=True)
        session.apply([FileChange(path, Cause.OPENED, saved + "\n\ndef typed(x):\n    return x\n")])
        eventually(lambda: any("def typed" in text for text in models.encoded("a")))
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert share(session) == 1.0
        session.apply([FileChange(path, Cause.CLOSED)])
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert share(session) == 1.0
    assert len(models.encoded("a")) == N_FUNCTIONS + 1
    with session_on(root, "a") as session:
        session.apply([FileChange(path, Cause.OPENED, saved + "\n\ndef typed(x):\n    return x\n")])
        eventually(lambda: len(models.encoded("a")) == N_FUNCTIONS + 2)


def test_the_model_before_answers_until_the_new_one_covers_all(models: Models, root: Path) -> None:
    gate = root.parent / "gate"
    models.add("a")
    models.add("b", until=str(gate))
    waits = root / "m0.py"
    waits.write_text("def wait(x):\n    return x\n", encoding="utf-8")
    with session_on(root, "a") as session:
        assert session.wait_ready(WITHIN_S, with_model=True)
        choose(session, root, "b")
        eventually(lambda: models.encoded("b"))
        answer = session.search(Query("task 7"))
        assert answer.model == "a"
        gate.touch()
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert session.search(Query("task 7 again")).model == "b"
        n_units = session.status()[0].coverage.units
        assert len(models.encoded("b")) == n_units
        before = len(models.encoded("a"))
        choose(session, root, "a")
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert share(session) == 1.0
        assert session.search(Query("task 7 at last")).model == "a"
        assert len(models.encoded("a")) == before
        choose(session, root, "static")
        eventually(lambda: session.model_status() is None)
        assert session.wait_ready(WITHIN_S)
        assert session.search(Query("task 7 and no more")).model == "static"
        folder = session._indexer.folders[root]
        assert {key for s in folder.snapshot.segments for key in s.vectors} == {folder.fingerprint}


def test_a_model_that_cannot_be_used_leaves_the_last_good_one(models: Models, root: Path) -> None:
    models.add("a")
    models.add("broken", loader="refuse")
    with session_on(root, "a") as session:
        assert session.wait_ready(WITHIN_S, with_model=True)
        choose(session, root, "broken")
        eventually(lambda: (s := session.model_status()) is not None and "pooling" in s.message)
        answer = session.search(Query("task 7"))
        assert answer.hits
        assert answer.model == "a"


def test_a_text_that_kills_the_model_is_left_to_the_first_tier(models: Models, root: Path) -> None:
    models.add("a")
    (root / "m1.py").write_text(
        "def crash(x):\n    return x\n\n\ndef calm(x):\n    return x\n", encoding="utf-8"
    )
    with session_on(root, "a") as session:
        assert session.wait_ready(WITHIN_S, with_model=True)
        n_units = session.status()[0].coverage.units
        assert share(session) == pytest.approx((n_units - 1) / n_units)
        assert "crash" in [found.hit.name for found in session.search(Query("crash")).hits]


def test_nothing_is_encoded_while_paused(models: Models, root: Path) -> None:
    models.add("a", delay_s=0.02)
    with session_on(root, "a") as session:
        eventually(lambda: share(session) > 0)
        session.pause()
        assert session.wait_ready(WITHIN_S)
        time.sleep(0.2)  # what was under way
        reached, done = share(session), len(models.encoded("a"))
        time.sleep(0.3)
        assert (share(session), len(models.encoded("a"))) == (reached, done)
        session.resume()
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert share(session) == 1.0


def test_kills_at_random_moments_lose_and_repeat_nothing(
    models: Models,
    root: Path,
    vectors_of: Callable[[list[str]], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upgrade, "MOST_BATCH", 8)
    models.add("a", delay_s=0.1)
    order = random.Random(5)
    n_kills = 0
    with session_on(root, "a") as session:
        while n_kills < 6 and share(session) < 1.0:
            status = session.model_status()
            if status is not None and status.process and status.phase in ("loading", "ready"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(status.process, signal.SIGKILL)
                    n_kills += 1
            answer = session.search(Query(f"task {order.randrange(30)}"), patience_s=0.2)
            assert answer.hits
            time.sleep(order.random() * 0.4)
        assert n_kills > 2
        assert session.wait_ready(WITHIN_S, with_model=True)
        assert share(session) == 1.0
        check_vectors(session, root, vectors_of)
        assert session.status()[0].embedded == 2 * N_FUNCTIONS
