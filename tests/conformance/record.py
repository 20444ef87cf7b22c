"""Stands between an editor and its server and writes down what both say.

    python tests/conformance/record.py FILE --replace PATH=NAME ... -- oasis serve

Give the editor this command as the server's. Every message becomes a line of FILE: `{"from": "client" or
"server", "message": ...}`. Each PATH in it becomes `{NAME}`, so that a session can be replayed elsewhere.
"""

import argparse
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--replace", action="append", default=[], metavar="PATH=NAME")
    if "--" not in sys.argv:
        parser.error("the server's command is missing: write it behind --")
    at = sys.argv.index("--")
    options, command = parser.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    replaced = [tuple(one.rsplit("=", 1)) for one in options.replace]
    lock = threading.Lock()

    def pass_on(source: IO[bytes], sink: IO[bytes], who: str) -> None:
        while (body := read_message(source)) is not None:
            text = body.decode()
            for path, name in replaced:
                text = text.replace(path, "{" + name + "}")
            with lock, options.file.open("a", encoding="utf-8") as file:
                line = {"from": who, "message": json.loads(text)}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            try:
                write_message(sink, body)
            except OSError:
                return

    client = threading.Thread(target=pass_on, args=(sys.stdin.buffer, server.stdin, "client"), daemon=True)
    client.start()
    pass_on(server.stdout, sys.stdout.buffer, "server")
    return server.wait()


def read_message(source: IO[bytes]) -> bytes | None:
    """The body of the next message; None at the end of the stream."""
    length = 0
    while header := source.readline():
        name, _, value = header.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
        elif not header.strip():
            body = source.read(length)
            return body if len(body) == length else None
    return None


def write_message(sink: IO[bytes], body: bytes) -> None:
    """One message with its header."""
    sink.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    sink.flush()


if __name__ == "__main__":
    sys.exit(main())
