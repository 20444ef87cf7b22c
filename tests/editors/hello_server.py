"""A language server that knows nothing of OASIS: it answers `initialize` and, if told to, ends or hangs."""

import json
import sys
import time
from pathlib import Path

from tests.conformance.record import read_message, write_message

ROOT = Path(__file__).parents[2]
COMMAND = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-P", "-m", "tests.editors.hello_server"]
"""Starts it from any folder; with `then-end` or `then-hang` it offers a search, and does that instead."""


def main() -> None:
    """Until the client's end of the pipe closes, or a moment after the greeting."""
    ends, hangs = "then-end" in sys.argv, "then-hang" in sys.argv
    while (body := read_message(sys.stdin.buffer)) is not None:
        message = json.loads(body)
        if message.get("method") == "initialize":
            experimental = {"oasis": {"methods": ["oasis/search"]}} if ends or hangs else {}
            _answer(message["id"], {"capabilities": {"experimental": experimental}})
        elif message.get("method") == "initialized" and ends:
            time.sleep(0.2)
            sys.exit(1)
        elif message.get("method") == "initialized" and hangs:
            time.sleep(600)
        elif message.get("method") == "exit":
            return
        elif "id" in message and not ends:
            _answer(message["id"], None)


def _answer(number: object, result: object) -> None:
    message = {"jsonrpc": "2.0", "id": number, "result": result}
    write_message(sys.stdout.buffer, json.dumps(message).encode())


if __name__ == "__main__":
    main()
