"""The life of a process: it starts once, keeps to its budget, and never outlives its clients."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from oasis_search.encoder import load
from oasis_search.service.address import Address
from oasis_search.service.budget import BULK_NICE
from oasis_search.service.launch import EXIT_ELSEWHERE, LOG_BYTES, HostProcess
from oasis_search.service.spec import EncoderSpec, identity

if TYPE_CHECKING:
    from tests.unit.service.conftest import Clients

Eventually = Callable[..., None]
IsRunning = Callable[[int], bool]

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="affinity and thread priority are Linux's")


def pid_of(client: object) -> int:
    pid = client.state.pid  # type: ignore[attr-defined]
    assert isinstance(pid, int)
    return pid


def test_nothing_is_left_after_the_last_client(
    clients: "Clients", runtime_dir: Path, eventually: Eventually, is_running: IsRunning
) -> None:
    first, second = clients.static(), clients.static()
    first.describe()
    second.describe()
    pid = pid_of(first)
    first.close()
    assert second.encode(["x"]).shape == (1, 256)
    assert pid_of(second) == pid
    second.close()
    eventually(lambda: not is_running(pid))
    assert [path.suffix for path in runtime_dir.iterdir()] == [".log"]


WINDOW = """
import sys
from pathlib import Path
from oasis_search.service import EncoderClient, EncoderSpec
client = EncoderClient(EncoderSpec("static", linger_s=0.3), Path(sys.argv[1]))
client.describe()
print(client.state.pid, flush=True)
while True:
    client.encode(["x"] * 1000)
"""


def test_nothing_is_left_after_a_window_was_killed(
    runtime_dir: Path, eventually: Eventually, is_running: IsRunning
) -> None:
    window = subprocess.Popen(
        [sys.executable, "-c", WINDOW, str(runtime_dir)], stdout=subprocess.PIPE, text=True
    )
    assert window.stdout is not None
    pid = int(window.stdout.readline())
    assert is_running(pid)
    window.kill()
    window.communicate()
    eventually(lambda: not is_running(pid))


def start_alone(runtime_dir: Path) -> HostProcess:
    """A process whose starter never connects."""
    spec = EncoderSpec("static", linger_s=0.3).resolved()
    runtime_dir.mkdir(exist_ok=True)
    return HostProcess(Address(runtime_dir, identity(spec)), spec)


def test_process_that_nobody_connects_to_ends(runtime_dir: Path, eventually: Eventually) -> None:
    alone = start_alone(runtime_dir)
    eventually(lambda: alone.exit_status() == 0)


def test_second_process_leaves_the_field_to_the_first(clients: "Clients", runtime_dir: Path) -> None:
    client = clients.static()
    client.describe()
    assert start_alone(runtime_dir).exit_status(timeout_s=20) == EXIT_ELSEWHERE
    np.testing.assert_array_equal(client.encode(["read"]), load("static").encode(["read"]))
    assert client.state.restarts == 0


def test_idle_process_ends_and_the_next_call_starts_another(
    clients: "Clients", eventually: Eventually, is_running: IsRunning
) -> None:
    client = clients.static(idle_s=0.2)
    before = client.encode(["read a file"])
    pid = pid_of(client)
    eventually(lambda: not is_running(pid))  # With it, all of its memory.
    eventually(lambda: client.state.phase == "idle")
    np.testing.assert_array_equal(client.encode(["read a file"], urgent=True), before)
    assert pid_of(client) != pid
    assert client.state.restarts == 0


def test_process_that_is_asked_to_end_does_so_and_is_missed_by_nobody(
    clients: "Clients", eventually: Eventually, is_running: IsRunning
) -> None:
    client = clients.static()
    client.describe()
    pid = pid_of(client)
    os.kill(pid, signal.SIGINT)  # Ctrl-C in a terminal is not meant for it.
    assert client.encode(["x"]).shape == (1, 256)
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not is_running(pid))
    assert client.encode(["x"], urgent=True).shape == (1, 256)
    assert client.state.restarts == 0


def test_leftovers_of_a_killed_process_are_taken_over(
    clients: "Clients", runtime_dir: Path, eventually: Eventually, is_running: IsRunning
) -> None:
    killed = clients.static()
    killed.describe()
    pid = pid_of(killed)
    killed.close()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_running(pid))
    left = {path.suffix for path in runtime_dir.iterdir()}
    assert {".lock", ".door"} <= left
    client = clients.static()
    assert client.encode(["x"]).shape == (1, 256)
    assert client.state.restarts == 0


def test_process_has_nothing_of_its_starter(clients: "Clients", runtime_dir: Path) -> None:
    client = clients.static()
    client.describe()
    process = psutil.Process(pid_of(client))
    assert Path(process.cwd()) == runtime_dir
    if sys.platform == "linux":
        descriptors = Path(f"/proc/{process.pid}/fd")
        streams = [os.readlink(descriptors / number) for number in "012"]
        assert streams[0] == "/dev/null"
        assert streams[1] == streams[2] == str(next(runtime_dir.glob("*.log")))
        assert os.getsid(process.pid) == process.pid
    assert "static" not in " ".join(process.cmdline())


@linux_only
def test_process_keeps_to_its_cores(clients: "Clients") -> None:
    client = clients.static(threads=1)
    client.describe()
    process = psutil.Process(pid_of(client))
    assert len(process.cpu_affinity()) == 1
    assert process.environ()["OMP_NUM_THREADS"] == "1"
    tasks = Path(f"/proc/{process.pid}/task")
    assert all(len(os.sched_getaffinity(int(task.name))) == 1 for task in tasks.iterdir())


@linux_only
def test_indexing_yields_to_everything_and_questions_do_not(clients: "Clients", tmp_path: Path) -> None:
    record = tmp_path / "record"
    client = clients.fake(record=str(record))
    client.encode(["code"])
    client.encode(["why"], "query", urgent=True)
    bulk, question = record.read_text().splitlines()
    assert f'"nice": {BULK_NICE}' in bulk
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert f'"nice": {usual}' in question
    threads = psutil.Process(pid_of(client)).threads()
    niceness = [os.getpriority(os.PRIO_PROCESS, thread.id) for thread in threads]
    assert niceness.count(BULK_NICE) == 2  # Also the thread that the encoder started while it was loaded.
    assert set(niceness) == {usual, BULK_NICE}


def test_log_stays_small(clients: "Clients", runtime_dir: Path, eventually: Eventually) -> None:
    client = clients.static()
    client.describe()
    log = next(runtime_dir.glob("*.log"))
    with open(log, "a", encoding="utf-8") as stream:
        stream.write("a library complains\n" * (LOG_BYTES // 10))
    eventually(lambda: log.stat().st_size <= LOG_BYTES)
    client.close()
    eventually(lambda: "Ended (left)." in log.read_text())
    assert log.stat().st_size <= LOG_BYTES


def test_stranger_without_the_token_is_sent_away(clients: "Clients", runtime_dir: Path) -> None:
    from oasis_search.service.address import knock
    from oasis_search.service.wire import Link
    from oasis_search.version import __version__

    client = clients.static()
    client.describe()
    key = identity(EncoderSpec("static", linger_s=0.3).resolved())
    hellos: list[dict[str, object]] = [
        {"op": "hello", "token": "guessed", "version": __version__, "identity": key},
        {"op": "encode", "id": 1, "role": "code", "urgent": 0, "rows": [0], "texts": ["x"]},
        {"op": "hello"},
        {},
    ]
    for hello in hellos:
        found = knock(Address(runtime_dir, key), 10)
        assert found is not None
        link = Link(found[0])
        link.send(hello)
        assert link.receive() is None
        link.close()
        link.release()
    assert client.encode(["x"]).shape == (1, 256)
    assert client.state.restarts == 0
