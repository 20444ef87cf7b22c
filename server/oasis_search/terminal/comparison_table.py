"""How a comparison of models looks in the terminal, and as JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from oasis_search.comparison.advice import advise, describe_duration
from oasis_search.comparison.compare import Comparison, Contender, Quality
from oasis_search.comparison.ranking import Estimate
from oasis_search.terminal.text import counted, shown_path, shown_size

_HEAD = ("", "MRR", "95 %", "hit@1", "hit@10", "gain", "95 %", "texts/s", "query", "memory", "this workspace")
_LEFT = frozenset({0, 10})
"""Columns of words; the others are figures, which stand to the right."""
MAX_NAME = 32


def write_comparison(comparison: Comparison, folder: Path, out: TextIO) -> None:
    """What was asked, a row for every model and one for words alone, and the recommendation."""
    out.write(f"{_describe_questions(comparison, folder)}\n\n")
    rows = [_HEAD, *(_row(each) for each in comparison.contenders), _words_row(comparison.lexical)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        out.write("  ".join(_aligned(row, widths)).rstrip() + "\n")
    out.write(f"\n{shown_lines(advise(comparison))}\n")


def comparison_to_json(comparison: Comparison) -> dict[str, object]:
    """The JSON of `oasis models evaluate --json`; percents and points, seconds, bytes."""
    asked = comparison.asked
    return {
        "questions": len(asked.questions),
        "functions": len(asked.functions),
        "ambiguous": asked.n_ambiguous,
        "files": asked.n_files,
        "files_read": asked.n_files_read,
        "units": asked.n_units,
        "models": [_contender_to_json(each) for each in comparison.contenders],
        "words_alone": _quality_to_json(comparison.lexical),
        "failures": [{"model": each.model, "reason": each.reason} for each in comparison.failures],
        "advice": advise(comparison),
    }


def shown_lines(text: str) -> str:
    """Text of several lines that is safe to show."""
    return "\n".join(shown_path(line) for line in text.splitlines())


def _describe_questions(comparison: Comparison, folder: Path) -> str:
    asked = comparison.asked
    read = (
        f", from {asked.n_files_read:,} of {counted(asked.n_files, 'file')}: enough for the questions"
        if asked.n_files_read < asked.n_files
        else f", all of {counted(asked.n_files, 'file')}"
    )
    return (
        f"{counted(len(asked.questions), 'question')} from the documentation in {shown_path(str(folder))}, "
        f"each to find its function among {len(asked.functions):,} (those that have documentation{read})."
    )


def _row(each: Contender) -> tuple[str, ...]:
    measured = each.measurement
    memory = shown_size(measured.added_bytes) if measured.added_bytes is not None else "?"
    return (
        f"{_shortened(each.model)}{' *' if each.is_in_use else ''}",
        *_quality_cells(each.quality),
        *(_gain_cells(each.gain) if each.gain is not None else ("", "")),
        f"{measured.texts_per_s:,.{0 if measured.texts_per_s >= 10 else 1}f}",
        f"{measured.query_ms:,.{0 if measured.query_ms >= 10 else 1}f} ms",
        memory,
        describe_duration(each.index_s),
    )


def _shortened(model: str) -> str:
    """A name as it is, of a long path its end: the figures must fit beside it."""
    end = "/".join(Path(model).parts[-2:])
    return shown_path(model if len(model) <= MAX_NAME else f".../{end}" if len(end) <= MAX_NAME else end)


def _words_row(quality: Quality) -> tuple[str, ...]:
    return ("words alone (BM25)", *_quality_cells(quality), *[""] * 6)


def _quality_cells(quality: Quality) -> tuple[str, ...]:
    mrr = quality.mrr
    return (
        f"{mrr.value:.1f}",
        f"{mrr.low:.1f} to {mrr.high:.1f}",
        f"{quality.hit_at_1:.1f}",
        f"{quality.hit_at_10:.1f}",
    )


def _gain_cells(gain: Estimate) -> tuple[str, str]:
    return f"{gain.value:+.1f}", f"{gain.low:+.1f} to {gain.high:+.1f}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield f"{cell:<{width}}" if number in _LEFT else f"{cell:>{width}}"


def _contender_to_json(each: Contender) -> dict[str, object]:
    measured = each.measurement
    return {
        "model": each.model,
        "in_use": each.is_in_use,
        "fingerprint": measured.fingerprint,
        "dim": measured.dim,
        "computes": measured.place,
        **_quality_to_json(each.quality),
        "gain": _estimate_to_json(each.gain) if each.gain is not None else None,
        "texts_per_s": round(measured.texts_per_s, 2),
        "query_ms": round(measured.query_ms, 3),
        "load_s": round(measured.load_s, 3),
        "added_bytes": measured.added_bytes,
        "index_s": round(each.index_s, 1),
    }


def _quality_to_json(quality: Quality) -> dict[str, object]:
    return {
        "mrr": _estimate_to_json(quality.mrr),
        "hit_at_1": round(quality.hit_at_1, 2),
        "hit_at_10": round(quality.hit_at_10, 2),
    }


def _estimate_to_json(estimate: Estimate) -> dict[str, float]:
    return {"value": round(estimate.value, 2), "low": round(estimate.low, 2), "high": round(estimate.high, 2)}
