"""`oasis serve` that notes how long each `didChange` takes it, from the read message to the last consequence.

    python tests/bench/timed_server.py FILE

Writes the milliseconds as a JSON list into FILE when it ends.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from oasis_search.cli import main as oasis
from oasis_search.lsp.dispatch import OasisProtocol

HANDLE = OasisProtocol.handle_message


def main() -> int:
    """Exit code of the server."""
    taken: list[float] = []

    def handle(self: OasisProtocol, message: Any) -> None:  # noqa: ANN401 - as pygls has it
        began = time.perf_counter()
        HANDLE(self, message)
        if getattr(message, "method", "") == "textDocument/didChange":
            taken.append(1000 * (time.perf_counter() - began))

    OasisProtocol.handle_message = handle  # type: ignore[method-assign]
    try:
        return oasis(["serve"])
    finally:
        Path(sys.argv[1]).write_text(json.dumps(taken), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
