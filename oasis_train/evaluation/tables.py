"""Results as JSON values and as Markdown: several models side by side, published rows beneath.

A published figure stands only in the column of a suite with its own queries, pool and metric; another column
is left empty for it rather than filled with what cannot be compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from oasis_train.evaluation.evaluate import Measurement, SuiteResult
from oasis_train.evaluation.published import Published, load_published
from oasis_train.evaluation.significance import Comparison

NO_FIGURE = "-"


def model_facts(model: str, results: Sequence[SuiteResult]) -> dict[str, Any]:
    """What `oasis-train evaluate --json` prints for one model."""
    return {"model": model, "suites": [asdict(result) for result in results]}


def models_facts(
    measurements: Mapping[str, Sequence[Measurement]], comparisons: Sequence[Comparison] = ()
) -> dict[str, Any]:
    """Several models: the facts of each, with every metric, and comparisons of pairs."""
    return {
        "models": [
            {
                "model": model,
                "suites": [asdict(one.result) | {"figures": one.figures} for one in found],
            }
            for model, found in measurements.items()
        ],
        "comparisons": [asdict(one) | {"mark": one.mark} for one in comparisons],
        "published": published_facts([one.result for found in measurements.values() for one in found]),
    }


def published_facts(results: Sequence[SuiteResult]) -> list[dict[str, Any]]:
    """Published rows, cut to the suites among `results` whose queries and pool are the published ones."""
    published = load_published()
    comparable = {_plain(result.name) for result in results if published.is_comparable(result)}
    rows = []
    for row in published.rows:
        values = {name: value for name, value in row.values.items() if name in comparable}
        if values:
            rows.append({"model": row.model, "source": row.source, "values": values})
    return rows


def markdown_table(
    results: Mapping[str, Sequence[SuiteResult]], comparisons: Sequence[Comparison] = ()
) -> str:
    """Models by suites with 95 % intervals; `*` and `**` mark differences from the model compared with."""
    published = load_published()
    columns: dict[str, SuiteResult] = {}
    for found in results.values():
        for result in found:
            columns.setdefault(result.name, result)
    marks = {(one.a, one.suite): one.mark for one in comparisons}
    heads = [
        f"{name} {result.metric}{'' if published.is_comparable(result) else ' ¹'}"
        for name, result in columns.items()
    ]
    lines = [_line(["model", *heads]), _line(["---", *["---:"] * len(heads)])]
    for model, found in results.items():
        values = {result.name: result for result in found}
        cells = [_cell(values.get(name), marks.get((model, name), "")) for name in columns]
        lines.append(_line([model, *cells]))
    lines += _published_lines(published, columns)
    notes = _notes(published, columns, comparisons)
    return "\n".join(lines) + "\n" + "".join(f"\n{note}\n" for note in notes)


def pools_table(results: Mapping[str, Sequence[SuiteResult]]) -> str:
    """Figures per pool (most often a language), one table for each suite that has several pools."""
    tables = []
    suites: dict[str, dict[str, SuiteResult]] = {}
    for model, found in results.items():
        for result in found:
            suites.setdefault(result.name, {})[model] = result
    for name, by_model in suites.items():
        labels = list(dict.fromkeys(label for result in by_model.values() for label in result.pools))
        if len(labels) < 2:
            continue
        lines = [_line([name, *labels, "mean"]), _line(["---", *["---:"] * (len(labels) + 1)])]
        for model, result in by_model.items():
            cells = [f"{result.pools[label]:.2f}" if label in result.pools else NO_FIGURE for label in labels]
            lines.append(_line([model, *cells, f"{result.value:.2f}"]))
        tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def comparisons_table(comparisons: Sequence[Comparison]) -> str:
    """Differences with intervals and p values."""
    lines = [
        _line(["suite", "a", "b", "a - b", "95 %", "p", "p (Holm)", "queries"]),
        _line(["---"] * 3 + ["---:"] * 5),
    ]
    for one in comparisons:
        interval = f"[{one.low:+.2f}, {one.high:+.2f}]"
        figures = [f"{one.difference:+.2f}{one.mark}", interval, f"{one.p:.4f}", f"{one.p_holm:.4f}"]
        lines.append(_line([one.suite, one.a, one.b, *figures, str(one.queries)]))
    return "\n".join(lines) + "\n"


def _published_lines(published: Published, columns: Mapping[str, SuiteResult]) -> list[str]:
    lines = []
    for row in published.rows:
        cells = [
            f"{row.values[_plain(name)]:.2f}"
            if published.is_comparable(result) and _plain(name) in row.values
            else NO_FIGURE
            for name, result in columns.items()
        ]
        if any(cell != NO_FIGURE for cell in cells):
            lines.append(_line([f"{row.model} ({row.source})", *cells]))
    return lines


def _notes(
    published: Published, columns: Mapping[str, SuiteResult], comparisons: Sequence[Comparison]
) -> list[str]:
    notes = []
    if any(not published.is_comparable(result) for result in columns.values()):
        notes.append(
            "¹ No published figure is of these queries, pool and form: compare within the column only."
        )
    if comparisons:
        others = ", ".join(sorted({one.b for one in comparisons}))
        notes.append(
            f"`*` p < 0.05, `**` p < 0.01 against {others}: paired randomisation test, Holm's adjustment."
        )
    return notes


def _cell(result: SuiteResult | None, mark: str) -> str:
    if result is None:
        return NO_FIGURE
    return f"{result.value:.2f}{mark} [{result.low:.1f}, {result.high:.1f}]"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _plain(name: str) -> str:
    return name.removesuffix(" joined")
