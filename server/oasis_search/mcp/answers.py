"""Answers for a model's context: few characters, most telling first, cut to a budget and paged.

A token is counted as four characters, which code rarely exceeds. What does not fit is said, with how to get
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from oasis_search.index.snapshot import UnitView
from oasis_search.syntax.units import qualified_name
from oasis_search.workspace.duplication import DuplicateAnswer
from oasis_search.workspace.status import FolderStatus, FoundHit, SearchAnswer, SimilarAnswer

CHARS_PER_TOKEN = 4

PREVIEW_LINES = 6


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of an answer is wanted, and how much it may cost."""

    number: int = 1
    size: int = 8
    budget_tokens: int = 1500

    @property
    def start(self) -> int:
        """Index of the first entry."""
        return (self.number - 1) * self.size


def search_text(answer: SearchAnswer, page: Page) -> str:
    """Hits of one page: place, symbol, probability and the first lines."""
    entries = [_hit(found, f"{found.hit.probability:.0%}") for found in answer.hits]
    return _paged(entries, page, "Nothing found: ask in other words, or by a name.", answer.message)


def similar_text(answer: SimilarAnswer, page: Page) -> str:
    """Copies in a line each, then neighbours with their level."""
    entries = [f"{_place(each.found)}  copy" for each in answer.copies]
    entries += [_hit(each.found, f"{each.level} {each.found.hit.score:.2f}") for each in answer.hits]
    return _paged(entries, page, "Nothing like it is in this folder.", answer.message)


def duplicates_text(answer: DuplicateAnswer, page: Page, message: str) -> str:
    """A line a group: level, lines that merging would save, places; `message` says what may be missing."""
    entries = [
        f"{group.level}, worth {group.worth:.0f} lines: "
        + ", ".join(_view(view) for view in group.members[:6])
        + (f" and {len(group.members) - 6} more" if len(group.members) > 6 else "")
        for group in answer.groups
    ]
    return _paged(entries, page, f"No copies among {answer.units:,} functions.", message)


def status_text(states: Sequence[FolderStatus]) -> str:
    """A line a folder."""
    lines = []
    for state in states:
        problems = ", ".join(f"{count} {reason}" for reason, count in sorted(state.problem_counts.items()))
        left_out = f"; left out: {problems}" if problems else ""
        lines.append(
            f"{state.root}: {state.phase.value}, {state.files_done:,} of {state.files_total:,} files, "
            f"{state.coverage.units:,} units{left_out}. {state.message}".rstrip()
        )
    return "\n".join(lines) or "No folder is open."


def unit_text(found: FoundHit, budget_tokens: int) -> str:
    """The whole text of a unit with its place, cut to the budget at a line."""
    body = found.text_utf8[found.hit.span.start_byte : found.hit.span.end_byte].decode("utf-8", "replace")
    return f"{_place(found)}\n{_cut(body, budget_tokens * CHARS_PER_TOKEN)}"


def _hit(found: FoundHit, note: str) -> str:
    lines = [line.rstrip() for line in found.preview.splitlines() if line.strip()][:PREVIEW_LINES]
    return "\n".join([f"{_place(found)}  {note}", *(f"    {line[:160]}" for line in lines)])


def _place(found: FoundHit) -> str:
    hit = found.hit
    symbol = qualified_name(hit.name, hit.container)
    lines = f"{hit.span.start_line0 + 1}-{hit.span.end_line0 + 1}"
    return f"{hit.path}:{lines}  {hit.kind}{f' {symbol}' if symbol else ''}"


def _view(view: UnitView) -> str:
    return f"{view.path}:{view.span.start_line0 + 1} {qualified_name(view.name, view.container)}"


def _paged(entries: Sequence[str], page: Page, nothing: str, message: str) -> str:
    """The entries of a page with the message below; without any, the message says more than `nothing`."""
    if not entries:
        return message or nothing
    return "\n".join([*_fitting(entries, page), *([message] if message else [])])


def _fitting(entries: Sequence[str], page: Page) -> list[str]:
    chosen = entries[page.start : page.start + page.size]
    if not chosen:
        return [f"Page {page.number} is beyond the end."]
    room = page.budget_tokens * CHARS_PER_TOKEN
    kept: list[str] = []
    for entry in chosen:
        if kept and len(entry) > room:
            break
        kept.append(entry if len(entry) <= room else _cut(entry, room))
        room -= len(kept[-1]) + 1
    shown = page.start + len(kept)
    if len(kept) < len(chosen):
        kept.append(f"({shown} shown; the token budget is used up: raise budget_tokens or lower limit)")
    elif shown < len(entries):
        kept.append(f"(more on page {page.number + 1})")
    return kept


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    end = text.rfind("\n", 0, max(room, 1))
    return f"{text[: end if end > 0 else room]}\n    ... (cut at the token budget)"
