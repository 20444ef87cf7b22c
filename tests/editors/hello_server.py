"""A language server that knows nothing of OASIS: it answers `initialize` and, if told to, ends soon after."""

import json
import sys
import time


def main() -> None:
    """Until the client's end of the pipe closes, or half a second after the greeting."""
    while True:
        length = 0
        while line := sys.stdin.buffer.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if not length:
            return
        message = json.loads(sys.stdin.buffer.read(length))
        if message.get("method") == "initialize":
            experimental = {"oasis": {"methods": ["oasis/search"]}} if "then-end" in sys.argv else {}
            answer({"id": message["id"], "result": {"capabilities": {"experimental": experimental}}})
        elif message.get("method") == "initialized" and "then-end" in sys.argv:
            time.sleep(0.2)
            sys.exit(1)
        elif message.get("method") == "exit":
            return
        elif "id" in message and "then-end" not in sys.argv:
            answer({"id": message["id"], "result": None})


def answer(message: dict[str, object]) -> None:
    """Send one message."""
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
