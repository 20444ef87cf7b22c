"""Starts an encoder process that owes nothing to its starter but the environment, and reaps it."""

import contextlib
import os
import subprocess
import sys
import threading
from typing import Any

from oasis_search.service.address import Address
from oasis_search.service.budget import library_environment
from oasis_search.service.spec import EncoderSpec

EXIT_ELSEWHERE = 75
"""Status of a process that found another one serving (EX_TEMPFAIL)."""

SPEC_VARIABLE = "OASIS_ENCODER_SPEC"
"""Carries the spec: other users can read the arguments of a process, but not its environment."""

LOG_BYTES = 256 * 1024
"""Most of a log; of a longer one the last quarter is kept."""


class HostProcess:
    """A process that this one started; a thread waits for its end, so it never stays as a zombie."""

    def __init__(self, address: Address, spec: EncoderSpec) -> None:
        """Starts it. Raises OSError when there can be no further process or the folder is not writable."""
        trim_log(address)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        log = os.open(address.file("log"), flags, 0o600)
        try:
            self._log_start = os.fstat(log).st_size
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "oasis_search.service.host",
                    str(address.folder),
                    address.identity,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=address.folder,
                env=_environment(spec),
                **_detached(),
            )
        finally:
            os.close(log)
        self._address = address
        self._reaper = threading.Thread(target=self._process.wait, name="oasis-encoder-reaper", daemon=True)
        self._reaper.start()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    def exit_status(self, timeout_s: float = 0.0) -> int | None:
        """Its status, negative for a signal; None while it runs after `timeout_s`."""
        self._reaper.join(timeout_s)
        return None if self._reaper.is_alive() else self._process.returncode

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def last_words(self) -> str:
        """The last line of trouble that it (or another one meanwhile) wrote to the log; empty if none."""
        try:
            with open(self._address.file("log"), "rb") as stream:
                stream.seek(min(self._log_start, os.fstat(stream.fileno()).st_size))
                lines = stream.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        fatal = [line for line in lines if line.startswith("Fatal Python error")]
        trouble = [line for line in lines if line.strip() and not line.startswith("INFO ")]
        return (fatal or trouble or [""])[-1].strip()


def trim_log(address: Address) -> None:
    """The log is no longer than `LOG_BYTES`. Its writers append, so they go on at the new end."""
    with contextlib.suppress(OSError):
        path = address.file("log")
        if path.stat().st_size > LOG_BYTES:
            with open(path, "r+b") as stream:
                stream.seek(-LOG_BYTES // 4, os.SEEK_END)
                kept = stream.read().partition(b"\n")[2]
                stream.seek(0)
                stream.write(kept)
                stream.truncate()


def _environment(spec: EncoderSpec) -> dict[str, str]:
    """Ours, with the budget; the process has another working folder, so paths of modules become absolute."""
    environment = {**os.environ, **library_environment(spec.threads), SPEC_VARIABLE: spec.to_json()}
    if path := environment.get("PYTHONPATH"):
        entries = [os.path.abspath(entry) for entry in path.split(os.pathsep) if entry]
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    return environment


if sys.platform == "win32":

    def _detached() -> dict[str, Any]:
        return {
            "creationflags": subprocess.CREATE_NO_WINDOW
            | subprocess.CREATE_NEW_PROCESS_GROUP
            | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        }

else:

    def _detached() -> dict[str, Any]:
        return {"start_new_session": True}
