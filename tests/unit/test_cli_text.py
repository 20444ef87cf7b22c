"""What reaches the terminal is safe to show, whatever the workspace holds."""

import io
import json
from dataclasses import replace
from pathlib import Path

from oasis_search.search.query import Hit, Reason
from oasis_search.syntax import Span
from oasis_search.terminal.render import answer_to_json, preview_lines, write_answer
from oasis_search.terminal.text import counted, shown_line, shown_path, shown_size
from oasis_search.workspace.status import Coverage, FoundHit, SearchAnswer


def found_hit(text: str, name: str, *, path: str = "a.py", container: str = "") -> FoundHit:
    """A hit over the whole of `text`, whose name stands where `name` first does."""
    body = text.encode()
    start = body.index(name.encode())
    line0 = body[:start].count(b"\n")
    hit = Hit(
        path=path,
        span=Span(0, len(body), 0, text.rstrip("\n").count("\n")),
        name_span=Span(start, start + len(name), line0, line0),
        name=name,
        kind="function",
        language="python",
        container=container,
        key=bytes(16),
        score=0.5,
        probability=0.75,
        reasons=(Reason("lexical", "every word"),),
    )
    return FoundHit(Path("/w"), hit, text.lstrip(), text.encode(), text.splitlines()[line0])


def written(found: FoundHit) -> str:
    out = io.StringIO()
    answer = SearchAnswer((found,), Coverage(1, 1.0, 1.0, 0.0), "static", 1.0, 1)
    write_answer(answer, out, explain=True)
    return out.getvalue()


def test_names_of_files_fit_on_one_line() -> None:
    assert shown_path("a\nb.py") == "a\\nb.py"
    assert shown_path(b"caf\xe9.py".decode("utf-8", "surrogateescape")) == "caf\\xe9.py"
    assert shown_path("\x1b[31mred") == "\\x1b[31mred"
    assert shown_path("naïve 世界.py") == "naïve 世界.py"


def test_code_cannot_steer_the_terminal() -> None:
    assert shown_line("\x1b]0;title\x07x = 1\u202e") == "]0;titlex = 1"
    assert "\x1b" not in written(found_hit("def evil():\n    return '\x1b[2J'\n", "evil"))


def test_preview_begins_at_the_name_and_loses_the_common_indent() -> None:
    found = found_hit("    @cached\n    def area(self):\n        return self.width * self.height\n", "area")
    assert preview_lines(found) == ["def area(self):", "    return self.width * self.height"]


def test_preview_is_four_lines_without_blank_ones() -> None:
    text = "def long():\n" + "\n    step()\n" * 10
    assert preview_lines(found_hit(text, "long")) == ["def long():", "    step()", "    step()", "    step()"]


def test_preview_of_a_later_part_begins_with_the_name() -> None:
    found = found_hit("def long():\n    first()\n    second()\n    third()\n", "long")
    part = replace(found.hit, span=Span(25, 50, 2, 3))
    shown = preview_lines(replace(found, hit=part, preview="second()\n    third()\n"))
    assert shown == ["def long():", "...", "second()", "    third()"]


def test_symbol_has_its_container() -> None:
    found = found_hit("def close(self): ...\n", "close", container="Session.Pool")
    assert "function Session.Pool.close" in written(found)
    answer = SearchAnswer((found,), Coverage(1, 1.0, 1.0, 0.0), "static", 1.0, 1)
    assert '"symbol": "Session.Pool.close"' in json.dumps(answer_to_json(answer))


def test_sizes_and_counts_are_for_people() -> None:
    assert [shown_size(n) for n in (0, 999, 1000, 3_400_000, 5_100_000_000)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "3.4 MB",
        "5.1 GB",
    ]
    assert [counted(n, "file") for n in (0, 1, 2000)] == ["0 files", "1 file", "2,000 files"]
