"""The report of a run: one HTML page that needs nothing else, for light and dark, with missing parts said.

The page holds no script and loads nothing. The same run folder gives the same bytes.
"""

import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from oasis_search.errors import OasisError
from oasis_train.data.files import whole_file
from oasis_train.evaluation.evaluate import SuiteResult
from oasis_train.evaluation.published import load_published
from oasis_train.report import figures
from oasis_train.report.projection import held_out_pairs, project
from oasis_train.report.run_files import RunFiles, read_run


def write_report(run: Path, folders: Mapping[str, Path], out: Path) -> Path:
    """Write the page of the run folder `run` to the file `out`, which it returns.

    `folders`: where each stage keeps its files, in order. Raises DataError when `out` cannot be written;
    whatever the run lacks is said in the page.
    """
    found = read_run(run, folders)
    sections = [
        ("Results", _results(found)),
        ("Ablation", _ablation(found)),
        ("Training", _training(found)),
        ("Similarities", _similarities(found)),
        ("Queries and targets", _map(run, folders, found)),
        ("Stages", _stages(found)),
        ("Recipe", _recipe(found)),
    ]
    body = [f"<section><h2>{name}</h2>{content}</section>" for name, content in sections if content]
    if found.missing:
        rows = "".join(f"<li><b>{_text(part)}</b>: {_text(why)}</li>" for part, why in found.missing.items())
        body.append(f'<section id="missing"><h2>Not in this report</h2><ul>{rows}</ul></section>')
    template = files("oasis_train.report").joinpath("page.html").read_text(encoding="utf-8")
    page = Template(template).substitute(title=_text(found.name), lead=_lead(found), body="\n".join(body))
    with whole_file(out) as part:
        part.write_text(page, encoding="utf-8")
    return out


def _lead(found: RunFiles) -> str:
    recipe = found.recipe or {}
    facts = [
        str(recipe.get("description") or ""),
        f"licence {recipe['licence']}" if "licence" in recipe else "",
    ]
    return _text(" · ".join(fact for fact in facts if fact) or "A run of oasis-train.")


def _results(found: RunFiles) -> str:
    if not found.evaluation:
        return ""
    published = load_published()
    results = [
        SuiteResult(**{key: suite[key] for key in SuiteResult.__slots__})
        for suite in found.evaluation["suites"]
    ]
    rows = []
    for result in results:
        plain = result.name.removesuffix(" joined")
        others = ""
        if published.is_comparable(result):
            others = ", ".join(
                f"{row.model} {row.values[plain]:.2f}" for row in published.rows if plain in row.values
            )
        interval = f"{result.low:.1f} to {result.high:.1f}"
        rows.append(
            [
                result.name,
                result.metric,
                f"{result.value:.2f}",
                interval,
                f"{result.queries:,}",
                f"{result.corpus:,}",
                others,
            ]
        )
    heads = ["suite", "metric", "value", "95 %", "queries", "items", "published, comparable"]
    parts = [_table(heads, rows, numbers=(2, 3, 4, 5))]
    for result in results:
        if len(result.pools) > 1:
            names = list(result.pools)
            cells = [f"{result.pools[name]:.2f}" for name in names]
            parts.append(
                f"<h3>{_text(result.name)} by pool</h3>"
                + _table([*names, "mean"], [[*cells, f"{result.value:.2f}"]], numbers=range(len(names) + 1))
            )
    return "".join(parts)


def _ablation(found: RunFiles) -> str:
    if not found.ablation:
        return ""
    suites = list(dict.fromkeys(row["suite"] for row in found.ablation))
    bars = "".join(
        f"<h3>{_text(suite)}</h3><figure>{figures.ablation_bars(found.ablation, suite)}</figure>"
        for suite in suites
    )
    if found.differences:
        first = found.ablation[0]["variant"]
        bars = f"<figure>{figures.difference_bars(found.differences, first)}</figure>{bars}"
    theirs = ", ".join(f"{_text(name)} {value:.2f}" for name, value in load_published().ablation.items())
    note = f"Lines: 95 % intervals; dots: seeds. The paper's means of eight NL2Code columns: {theirs}."
    return f"{bars}<p class=note>{note}</p>"


def _training(found: RunFiles) -> str:
    parts = []
    if found.losses and any(name in row for row in found.losses for name in figures.CURVES):
        last = found.losses[-1]
        facts = ", ".join(
            f"{_text(key)} {value:.4g}" for key, value in last.items() if isinstance(value, int | float)
        )
        parts.append(
            f"<figure>{figures.loss_curves(found.losses)}</figure><p class=note>Last step: {facts}.</p>"
        )
    if found.evaluations:
        parts.append(f"<figure>{figures.evaluation_curves(found.evaluations)}</figure>")
    return "".join(parts)


def _similarities(found: RunFiles) -> str:
    if found.histogram is None and not found.fit:
        return ""
    notes = []
    if found.fit:
        how = "the crossing of the two groups" if found.fit.get("is_bimodal") else found.fit.get("reason", "")
        notes.append(f"s* = {found.fit['threshold']:.4f}: {_text(str(how))}")
    if found.histogram is not None:
        n = int((found.histogram.right + found.histogram.wrong).sum())
        notes.append(f"{n:,} pairs, of which refinement raised {found.histogram.raised:,}.")
    svg = figures.similarity_histogram(found.histogram, found.fit)
    return f"<figure>{svg}</figure><p class=note>{'. '.join(note.rstrip('.') for note in notes)}.</p>"


def _map(run: Path, folders: Mapping[str, Path], found: RunFiles) -> str:
    from oasis_search.encoder import load

    model = run / "model"
    if not model.is_dir():
        found.missing["map of vectors"] = "there is no model folder yet: the export stage writes it."
        return ""
    try:
        pairs = held_out_pairs(folders["corpus"], folders["docstrings"])
        points = project(load(str(model)), pairs)
    except OasisError as error:
        found.missing["map of vectors"] = str(error)
        return ""
    n = len(pairs.queries)
    svg = figures.vector_map(points, n)
    note = f"{n} queries of functions of this run and their targets, by multidimensional scaling."
    return f"<figure>{svg}</figure><p class=note>{note}</p>"


def _stages(found: RunFiles) -> str:
    rows = []
    for stage, manifest in found.stages.items():
        facts = manifest.get("facts", {})
        shown = "; ".join(f"{key}: {_short(value)}" for key, value in facts.items())
        inputs = ", ".join(f"{name} {str(digest)[:8]}" for name, digest in manifest.get("inputs", {}).items())
        rows.append([stage, str(manifest.get("key", ""))[:12], shown, inputs])
    if not rows:
        found.missing["stages"] = "no stage of this run is finished."
        return ""
    versions = next(reversed(found.stages.values())).get("versions", {})
    note = ", ".join(f"{_text(str(name))} {_text(str(version))}" for name, version in versions.items())
    return _table(["stage", "key", "facts", "inputs"], rows) + f"<p class=note>{note}</p>"


def _recipe(found: RunFiles) -> str:
    if not found.recipe:
        return ""
    text = _text(json.dumps(found.recipe, indent=2))
    return f"<details><summary>Every setting of the run</summary><pre>{text}</pre></details>"


def _short(value: Any) -> str:  # noqa: ANN401 - any JSON value
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 160 else f"{text[:157]}…"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] | range = ()) -> str:
    def cells(kind: str, values: Sequence[str]) -> str:
        return "".join(
            f"<{kind}{' class=number' if at in numbers else ''}>{_text(value)}</{kind}>"
            for at, value in enumerate(values)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{cells('th', heads)}</tr></thead><tbody>{lines}</tbody></table>"
    return f"<div class=scroll>{table}</div>"


def _text(value: str) -> str:
    return html.escape(value)
