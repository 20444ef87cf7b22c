"""The report of a run folder made of real tables, stages and a real model: complete, partial and damaged."""

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oasis_search.encoder import shipped_models
from oasis_train.data import Docstring, Function, RefinedPair, ShardedTable, Stage, StageFolder, row_id
from oasis_train.errors import DataError
from oasis_train.pipeline.recipe import load_recipe
from oasis_train.pipeline.run import Run
from oasis_train.refine.threshold import fit_threshold, save_fit
from oasis_train.report import write_report
from oasis_train.report.projection import scale
from oasis_train.report.run_files import read_histogram

VERBS = ("read", "send", "sort", "close", "open", "merge", "split", "parse")
NOUNS = ("file", "mail", "list", "socket", "table", "branch", "string", "date")


def _functions() -> list[Function]:
    found = []
    for verb in VERBS:
        for noun in NOUNS:
            code = f"def {verb}_{noun}(x):\n    return x.{verb}()"
            key = row_id("o/r", "a.py", "", verb, code)
            doc = f"{verb} the {noun}"
            found.append(
                Function(
                    key,
                    "o/r",
                    "",
                    "MIT",
                    "a.py",
                    1,
                    "python",
                    f"{verb}_{noun}",
                    "",
                    "",
                    doc,
                    code,
                    (),
                    (),
                    "dev",
                )
            )
    return found


def _make_run(run: Path) -> Path:
    functions = _functions()
    generator = np.random.default_rng(5)
    similarities = np.clip(
        np.concatenate([generator.normal(0.72, 0.06, 64), generator.normal(0.3, 0.1, 640)]), 0, 0.999
    )
    pairs = [
        RefinedPair(
            functions[n % 64].id, functions[n % 64 if n < 64 else (n * 7) % 64].id, n < 64,
            float(value) + (0.05 if n == 70 else 0), float(value), n == 70, False, -1.0, "", "", "",
        )
        for n, value in enumerate(similarities)
    ]  # fmt: skip
    tables: dict[str, tuple[str, type, list[Any]]] = {
        "corpus": ("functions", Function, functions),
        "docstrings": ("docstrings", Docstring, [Docstring(f.id, f.doc, "human", "") for f in functions]),
        "refine": ("pairs", RefinedPair, pairs),
    }
    for stage, (name, kind, rows) in tables.items():

        def work(
            partial: Path, name: str = name, kind: type = kind, rows: list[Any] = rows
        ) -> dict[str, Any]:
            ShardedTable(partial / name, kind).write(0, rows)
            return {"rows": len(rows), "note": "<b>bold</b>"}

        StageFolder(run / stage).run(Stage(stage, {"seed": 3407}), work)
    save_fit(fit_threshold(similarities), run / "refine" / "gmm.json")
    (run / "train").mkdir()
    losses = [
        {"step": n, "loss": 3 / n, "in_batch": 2 / n, "cosent": 50 / n, "lr": 5e-4} for n in range(1, 201)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in losses) + '{"step": 201, "lo'
    (run / "train" / "losses.jsonl").write_text(lines, encoding="utf-8")
    (run / "train" / "evaluations.jsonl").write_text('{"step": 100, "dev": 41.5}\n{"step": 200, "dev": 47}\n')
    (run / "recipe.json").write_text(json.dumps({"name": "tiny & small", "licence": "MIT"}), encoding="utf-8")
    suite = {
        "name": "cosqa", "task": "nl2code", "metric": "MRR@1000", "value": 51.25, "low": 48.0, "high": 54.5,
        "pools": {"python": 51.25}, "queries": 500, "corpus": 6267, "texts_per_s": 900.0,
    }  # fmt: skip
    many = suite | {"name": "csn", "pools": {"go": 40.5, "php": 62.0}, "queries": 10, "corpus": 20}
    evaluation = {"model": "tiny", "suites": [suite, many]}
    (run / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")
    ablation = [
        {
            "variant": variant,
            "seed": 1,
            "suite": "cosqa",
            "metric": "MRR@1000",
            "value": v,
            "low": v - 1,
            "high": v + 1,
        }
        for variant, v in (("full", 51.0), ("no refinement", 50.0), ("InfoNCE only", 47.5))
    ]
    (run / "ablation.json").write_text(json.dumps(ablation), encoding="utf-8")
    differences = [{"variant": "InfoNCE only", "difference": -3.5, "low": -4.25, "high": -2.75}]
    (run / "ablation-differences.json").write_text(json.dumps(differences), encoding="utf-8")
    shutil.copytree(shipped_models()["static"], run / "model")
    return run


def _folders(run: Path, shared: Path | None = None) -> dict[str, Path]:
    return Run(load_recipe("smoke"), run, shared).folders


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _make_run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def page(full_run: Path) -> str:
    return write_report(full_run, _folders(full_run), full_run / "report.html").read_text(encoding="utf-8")


class _Tags(HTMLParser):
    """Checks that tags close in order and collects attributes."""

    void = frozenset({"meta", "link", "br", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_loads_nothing(page: str) -> None:
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert "<script" not in page
    for name, value in tags.attributes:
        if name in ("src", "href", "xlink:href"):
            assert value
            assert value.startswith("#")
    assert not re.search(r"@import|url\((?!#)", page)
    identifiers = [value for name, value in tags.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))


def test_every_figure_is_one_drawing_in_the_colours_of_the_page(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    labels = [re.search(r'aria-label="([^"]*)"', drawing) for drawing in drawings]
    assert [label.group(1) for label in labels if label] == [
        "Mean of all suites, less that of full",
        "Ablation on cosqa",
        "Loss by step",
        "Evaluations during training",
        "Histogram of teacher similarities with the fitted mixture",
        "Queries and their targets by multidimensional scaling",
    ]
    for drawing in drawings:
        ElementTree.fromstring(drawing)
        assert "var(--series-1)" in drawing
        assert "#0a0" not in drawing
        assert "#010203" not in drawing


def test_figures_of_the_run_and_published_rows_are_in_the_page(page: str) -> None:
    assert "tiny &amp; small" in page
    assert "OASIS-1.5B 55.77" in page
    assert "csn by pool" in page
    assert "40.50" in page
    assert "704 pairs, of which refinement raised 1" in page
    assert "the crossing of the two groups" in page
    assert "Last step: step 200" in page
    assert "64 queries of functions of this run" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert 'id="missing"' not in page


def test_same_run_gives_the_same_bytes(full_run: Path, page: str, tmp_path: Path) -> None:
    assert (
        write_report(full_run, _folders(full_run), tmp_path / "again.html").read_text(encoding="utf-8")
        == page
    )


def test_stages_that_lie_elsewhere_are_in_the_page(full_run: Path, page: str, tmp_path: Path) -> None:
    run, shared = tmp_path / "run", tmp_path / "shared"
    shutil.copytree(full_run, run)
    shared.mkdir()
    for stage in ("corpus", "docstrings"):
        (run / stage).rename(shared / stage)
    for folder in (shared / "twins", run / "views", run / "evaluate"):
        StageFolder(folder).run(Stage(folder.name, {}), lambda partial: {})
    text = write_report(run, _folders(run, shared), tmp_path / "report.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr><td>(\w+)</td><td>[0-9a-f]{12}</td>", text)
    assert rows == ["corpus", "docstrings", "refine", "twins", "views", "evaluate"]
    assert "64 queries of functions of this run" in text
    assert 'id="missing"' not in text


def test_empty_run_says_what_is_missing_and_which_stage_makes_it(tmp_path: Path) -> None:
    text = write_report(tmp_path, _folders(tmp_path), tmp_path / "out" / "report.html").read_text(
        encoding="utf-8"
    )
    missing = text[text.index('id="missing"') :]
    for part in (
        "recipe",
        "loss curves",
        "similarities",
        "ablation",
        "evaluation",
        "map of vectors",
        "stages",
    ):
        assert f"<b>{part}</b>" in missing
    assert "<svg" not in text


def test_damaged_parts_are_missing_parts_with_a_reason(full_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(full_run, run)
    (run / "evaluation.json").write_text("{", encoding="utf-8")
    (run / "refine" / "pairs" / "part-00000.parquet").write_bytes(b"PAR1 but not really")
    (run / "model" / "tokens.txt").unlink(missing_ok=True)
    for weights in (run / "model").glob("*.safetensors"):
        weights.write_bytes(b"")
    text = write_report(run, _folders(run), tmp_path / "report.html").read_text(encoding="utf-8")
    missing = text[text.index('id="missing"') :]
    assert "evaluation.json cannot be read" in missing
    assert "the pairs of refine cannot be read" in missing
    assert "Loss by step" in text


def test_report_that_cannot_be_written_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"report\.html cannot be written"):
        write_report(tmp_path, _folders(tmp_path), tmp_path / "file" / "report.html")


def test_histogram_counts_every_pair_once(full_run: Path) -> None:
    found = read_histogram(full_run / "refine" / "pairs")
    assert found is not None
    assert (int(found.right.sum()), int(found.wrong.sum()), found.raised) == (64, 640, 1)


def test_map_keeps_distances_that_fit_into_two_dimensions() -> None:
    angles = np.linspace(0, 1.2, 12)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = scale(circle)
    expected = np.linalg.norm(circle[:, None] - circle[None], axis=2)
    found = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.testing.assert_allclose(found, expected, atol=0.03)
