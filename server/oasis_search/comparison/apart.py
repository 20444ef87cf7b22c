"""A measurement in a process of its own, started as `python -P -m oasis_search.comparison.apart`.

The assignment goes in as JSON on stdin; lines of JSON come back: how many texts are done, and at the end the
measurement or one sentence about what went wrong. The child keeps to the cores that indexing may use, and
ends when its parent does, at the next chunk of texts at the latest.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from typing import IO

from oasis_search.comparison.measure import Assignment, Measurement, measure
from oasis_search.errors import EncoderError, OasisError
from oasis_search.service.budget import keep_to_cores, library_environment
from oasis_search.service.spec import EncoderSpec

log = logging.getLogger(__name__)


def measure_apart(assignment: Assignment, progress: Callable[[int], None]) -> Measurement:
    """As `measure`, in a process that has ended when this returns or raises.

    Raises EncoderError with what the model complained about, or with how its process ended.
    """
    spec = EncoderSpec.from_json(assignment.spec)
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, **library_environment(spec.threads)},
            text=True,
        )
        try:
            outcome = _talk(process, assignment, progress)
            status = process.wait()
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        last_words = _last_line(complaints)
    if isinstance(outcome, Measurement):
        return outcome
    raise EncoderError(outcome or _describe_end(spec.model, status, last_words))


def _talk(
    process: "subprocess.Popen[str]", assignment: Assignment, progress: Callable[[int], None]
) -> Measurement | str:
    """The measurement, or what went wrong: empty when the process ended without a word."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both streams are pipes")
    with contextlib.suppress(BrokenPipeError):  # It has ended already; its output says why.
        json.dump(asdict(assignment), process.stdin)
        process.stdin.close()
    for line in process.stdout:
        if not line.endswith("\n"):  # It was ended in the middle of a line.
            break
        message = json.loads(line)
        if "done" in message:
            progress(message["done"])
        elif "measurement" in message:
            return Measurement(**message["measurement"])
        else:
            return str(message["error"])
    return ""


def _describe_end(model: str, status: int, last_words: str) -> str:
    if -status in (signal.SIGTERM, getattr(signal, "SIGKILL", None)):
        return (
            f"The process that ran {model} was ended from outside, most likely because memory ran out. Close "
            "other programs, or choose a smaller model."
        )
    said = f": {last_words}" if last_words else ""
    return (
        f"The process that ran {model} ended with status {status}{said}. Start again with --log-level debug."
    )


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    for line in lines:
        log.debug("%s", line)
    return lines[-1] if lines else ""


def main() -> None:
    """Does the assignment on stdin."""
    outbox = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # A stray print of a library must not end up between two lines.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides.

    def say(**message: object) -> None:
        outbox.write(json.dumps(message) + "\n")
        outbox.flush()

    try:
        assignment = Assignment(**json.load(sys.stdin))
        spec = EncoderSpec.from_json(assignment.spec)
        keep_to_cores(spec.threads)
        say(measurement=asdict(measure(assignment, lambda done: say(done=done))))
    except BrokenPipeError:
        return
    except OasisError as error:
        say(error=str(error))
    except Exception as error:  # whatever a library of a model raises
        logging.exception("The measurement failed.")
        say(error=f"{spec.model} failed ({type(error).__name__}: {error}).")


if __name__ == "__main__":
    main()
