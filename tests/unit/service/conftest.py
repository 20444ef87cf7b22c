"""Clients whose processes end soon after a test, and a way to wait for what other processes do."""

import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from oasis_search.encoder.protocol import Vectors
from oasis_search.service import EncoderClient, EncoderSpec, Patience
from oasis_search.service.address import try_lock
from oasis_search.service.spec import ServiceState

HERE = Path(__file__).parent
LINGER_S = 0.3


@pytest.fixture
def runtime_dir(used_folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder with a short path; processes started in this test find the fake encoders."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    used_folders.append(Path(tempfile.mkdtemp(prefix="oasis-test-")))
    return used_folders[-1] / "run"


@pytest.fixture
def fake_vectors() -> Callable[[Sequence[str]], Vectors]:
    """What a sound fake encoder gives."""
    spec = importlib.util.spec_from_file_location("fake_encoders", HERE / "fake_encoders.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[Sequence[str]], Vectors] = module.vectors_of
    return function


class Clients:
    """Makes clients and closes them."""

    def __init__(self, runtime_dir: Path) -> None:
        self.runtime_dir = runtime_dir
        self._made: list[EncoderClient] = []

    def static(
        self,
        *,
        on_state: Callable[[ServiceState], None] | None = None,
        patience: Patience | None = None,
        threads: int = 0,
        idle_s: float = 600,
    ) -> EncoderClient:
        """A client of the static model that ships."""
        return self.make(
            EncoderSpec("static", threads, {}, idle_s, LINGER_S), on_state=on_state, patience=patience
        )

    def fake(
        self,
        loader: str = "load",
        *,
        model: str = "fake",
        threads: int = 0,
        idle_s: float = 600,
        patience: Patience | None = None,
        **options: object,
    ) -> EncoderClient:
        """A client of a fake encoder."""
        spec = EncoderSpec(model, threads, options, idle_s, LINGER_S, f"fake_encoders:{loader}")
        return self.make(spec, patience=patience)

    def make(
        self,
        spec: EncoderSpec,
        *,
        on_state: Callable[[ServiceState], None] | None = None,
        patience: Patience | None = None,
    ) -> EncoderClient:
        """A client that is closed after the test."""
        client = EncoderClient(
            spec, self.runtime_dir, on_state=on_state, patience=patience or Patience(first_pause_s=0.01)
        )
        self._made.append(client)
        return client

    def close(self) -> None:
        """Closes all of them."""
        for client in self._made:
            client.close()


@pytest.fixture
def clients(runtime_dir: Path) -> Iterator[Clients]:
    """Makes clients, and closes them."""
    made = Clients(runtime_dir)
    yield made
    made.close()


@pytest.fixture(scope="module")
def used_folders() -> Iterator[list[Path]]:
    """Folders of the tests of a module; in the end they go away, and no process is left in any of them."""
    folders: list[Path] = []
    yield folders
    eventually(lambda: all(is_free(lock) for folder in folders for lock in folder.glob("run/*.lock")))
    for folder in folders:
        shutil.rmtree(folder)


def is_free(lock: Path) -> bool:
    """Whether the process of this lock has ended."""
    descriptor = try_lock(lock)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def eventually(is_so: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Returns as soon as it is so; fails when it is not so for long."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., None]:
    """`eventually`, for tests."""
    return eventually


@pytest.fixture
def is_running() -> Callable[[int], bool]:
    """Whether a process lives; one that has ended and waits for its parent does not."""

    def check(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return check
