"""The state of a folder again and again, until Ctrl-C: what `oasis status --watch` shows."""

import io
import json
import time
from collections.abc import Callable
from typing import NoReturn, TextIO

from oasis_search.terminal.survey import Survey, survey_to_json, write_survey

REST_S = 1.0
REST_SHARE = 4
"""Rests as many times as long as a look takes: a large folder is not walked without end."""


def watch_survey(look: Callable[[], Survey], out: TextIO, *, as_json: bool) -> NoReturn:
    """Write every state that differs from the one before; on a terminal, over it."""
    if as_json or not out.isatty():
        _write_changes(look, out, as_json=as_json)
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(file=out), auto_refresh=False) as live:
        while True:
            started = time.monotonic()
            live.update(Text(_as_text(look())), refresh=True)
            _rest(started)


def _write_changes(look: Callable[[], Survey], out: TextIO, *, as_json: bool) -> NoReturn:
    before = ""
    while True:
        started = time.monotonic()
        found = look()
        text = f"{json.dumps(survey_to_json(found))}\n" if as_json else _as_text(found)
        if text != before:
            out.write(text)
            out.flush()
            before = text
        _rest(started)


def _as_text(found: Survey) -> str:
    text = io.StringIO()
    write_survey(found, text)
    return text.getvalue()


def _rest(started: float) -> None:
    time.sleep(max(REST_S, REST_SHARE * (time.monotonic() - started)))
