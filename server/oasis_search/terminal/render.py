"""An answer as text for a person or as JSON for a program; the shape of the JSON is a contract (README)."""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from oasis_search.syntax.units import qualified_name
from oasis_search.terminal.text import counted, shown_line, shown_path
from oasis_search.workspace.status import Coverage, FoundHit, SearchAnswer, SimilarAnswer, SimilarHit

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PREVIEW_LINES = 4
PLAIN_WIDTH = 120
"""Columns of the preview where the width of a terminal is not known."""


def answer_to_json(answer: SearchAnswer, *, explain: bool = False) -> dict[str, object]:
    """The JSON of `oasis search --json`."""
    return {
        "hits": [_hit_to_json(found) | (_trace_to_json(found) if explain else {}) for found in answer.hits],
        "coverage": coverage_to_json(answer.coverage),
        "model": answer.model,
        "elapsed_ms": round(answer.elapsed_ms, 3),
        **({"message": answer.message} if answer.message else {}),
    }


def similar_to_json(answer: SimilarAnswer) -> dict[str, object]:
    """The JSON of `oasis similar --json`: that of a search, a level for each hit, and copies apart."""

    def rows(hits: Iterable[SimilarHit]) -> list[dict[str, object]]:
        return [{**_hit_to_json(hit.found), "level": hit.level} for hit in hits]

    return {
        "hits": rows(answer.hits),
        "copies": rows(answer.copies),
        "origin": answer.origin,
        "coverage": coverage_to_json(answer.coverage),
        "model": answer.model,
        "elapsed_ms": round(answer.elapsed_ms, 3),
        **({"message": answer.message} if answer.message else {}),
    }


def coverage_to_json(coverage: Coverage) -> dict[str, object]:
    """Counts and shares."""
    return {
        "units": coverage.units,
        "lexical": coverage.lexical,
        "static": coverage.static,
        "model": coverage.model,
    }


def _hit_to_json(found: FoundHit) -> dict[str, object]:
    hit = found.hit
    return {
        "path": hit.path,
        "start_line": hit.span.start_line0 + 1,
        "end_line": hit.span.end_line0 + 1,
        "symbol": symbol(found),
        "kind": hit.kind,
        "language": hit.language,
        "score": hit.score,
        "probability": hit.probability,
        "reasons": [{"signal": reason.signal, "detail": reason.detail} for reason in hit.reasons],
    }


def _trace_to_json(found: FoundHit) -> dict[str, object]:
    """What `calibration.probability` needs to give the probability again."""
    trace = found.hit.trace
    return {"trace": {"way": trace.way, **asdict(trace.evidence)}} if trace else {}


def symbol(found: FoundHit) -> str:
    """The qualified name, `Session.close`; empty for module-level code and text."""
    return qualified_name(found.hit.name, found.hit.container) if found.hit.name else ""


def write_answer(answer: SearchAnswer, out: TextIO, *, explain: bool) -> None:
    """Write the hits, best first, in colour when `out` is a terminal."""
    if out.isatty():
        _write_coloured(answer, out, explain=explain)
        return
    for rank, found in enumerate(answer.hits, 1):
        out.write(f"{rank:>2}  {_place(found)}  {_title(found)}  {found.hit.probability:.0%}\n")
        for line in preview_lines(found):
            out.write(f"      {line[:PLAIN_WIDTH]}".rstrip() + "\n")
        if explain:
            out.writelines(f"    - {reason}\n" for reason in _reasons(found))
        out.write("\n")


def write_similar(answer: SimilarAnswer, out: TextIO) -> None:
    """Write copies, then what else is like the piece, each with its level."""
    for title, hits in (("copies", answer.copies), ("similar", answer.hits)):
        if hits:
            out.write(f"{title} of {shown_path(answer.origin)}\n")
        for rank, hit in enumerate(hits, 1):
            found = hit.found
            out.write(f"{rank:>2}  {_place(found)}  {_title(found)}  {hit.level}  {found.hit.score:.2f}\n")
            if title == "similar":
                out.writelines(f"      {line[:PLAIN_WIDTH]}".rstrip() + "\n" for line in preview_lines(found))
        if hits:
            out.write("\n")


def summarize(answer: SearchAnswer) -> str:
    """One line below the hits: how many, of how much, how fast, by which model."""
    return (
        f"{counted(len(answer.hits), 'hit')} among {counted(answer.coverage.units, 'unit')} "
        f"in {answer.elapsed_ms:.1f} ms (model {answer.model})"
    )


def preview_lines(found: FoundHit) -> list[str]:
    """The first lines worth reading: from the name's line on, with the common indent taken off.

    A later part of a long unit has `...` between the name's line and its own first line.
    """
    lines = found.preview.splitlines()
    behind_name = found.hit.name_span.start_line0 - found.hit.span.start_line0 + 1
    # The preview begins inside its first line; the name's line is at hand as a whole.
    code = [shown_line(line).rstrip() for line in [found.start_line_text, *lines[max(behind_name, 0) :]]]
    shown = textwrap.dedent("\n".join([line for line in code if line][:PREVIEW_LINES])).splitlines()
    return [*shown[:1], "...", *shown[1:]] if behind_name < 0 else shown


def _place(found: FoundHit) -> str:
    return f"{shown_path(found.hit.path)}:{found.hit.name_span.start_line0 + 1}"


def _title(found: FoundHit) -> str:
    return shown_path(" ".join(part for part in (found.hit.kind, symbol(found)) if part))


def _reasons(found: FoundHit) -> Iterator[str]:
    for reason in found.hit.reasons:
        yield shown_path(f"{reason.signal}: {reason.detail}")
    if found.hit.trace is not None:
        numbers = asdict(found.hit.trace.evidence)
        told = ", ".join(f"{name} {value:.2f}" for name, value in numbers.items() if value)
        yield f"probability: {found.hit.probability:.4f} by {found.hit.trace.way}, from {told}"


def _write_coloured(answer: SearchAnswer, out: TextIO, *, explain: bool) -> None:
    from rich.console import Console

    console = Console(file=out, highlight=False)
    for rank, found in enumerate(answer.hits, 1):
        console.print(_headline(rank, found), soft_wrap=True)
        console.print(_highlighted(found, console))
        if explain:
            for reason in _reasons(found):
                console.print(f"    - {reason}", style="dim", markup=False, soft_wrap=True)
        console.print()


def _headline(rank: int, found: FoundHit) -> "RenderableType":
    from rich.text import Text

    filled = round(found.hit.probability * 5)
    path, _, line = _place(found).rpartition(":")
    return Text.assemble(
        (f"{rank:>2}  ", "bold"),
        (path, "magenta"),
        (f":{line}  ", "green"),
        (_title(found), "bold"),
        ("  " + "■" * filled, "cyan"),
        ("■" * (5 - filled), "bright_black"),
        (f" {found.hit.probability:.0%}", "cyan"),
    )


def _highlighted(found: FoundHit, console: "Console") -> "RenderableType":
    from rich.padding import Padding
    from rich.syntax import Syntax

    width = max(console.width - 6, 20)
    code = "\n".join(line[:width] for line in preview_lines(found))
    # A language that Pygments does not know is shown without colours.
    return Padding(
        Syntax(code, found.hit.language, theme="ansi_dark", background_color="default"), (0, 0, 0, 6)
    )
