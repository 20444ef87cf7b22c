"""Whole runs on real code: skipped when current, the same model after a kill, a wrong order said."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import oasis_train
from oasis_search.encoder import load, read_manifest
from oasis_train.cli import main
from oasis_train.data import RefinedPair, ShardedTable
from oasis_train.pipeline.ablate import each_variants
from oasis_train.pipeline.recipe import load_recipe, shipped_recipes
from oasis_train.static.export import export_static

ROOT = Path(oasis_train.__file__).parent

TINY = (
    "corpus.sources=['package:json', 'package:logging', 'package:http', 'package:zipfile', 'package:email']",
    "corpus.dev_share=0.3",
    "corpus.seed=17",
    "train.random_vocabulary=800",
    "train.random_hidden=32",
    "train.max_tokens=32",
    "train.max_steps=12",
    "train.batch=16",
    "export.onnx=''",
)
"""A run of seconds."""


def settings(*overrides: str) -> list[str]:
    return [argument for override in (*TINY, *overrides) for argument in ("--set", override)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["run", "smoke", "--out", str(out), "--jobs", "1", *settings()]) == 0
    return out


def test_a_run_leaves_model_tables_and_report(finished: Path) -> None:
    encoder = load(finished / "model")
    assert encoder.encode(["read a file"], role="query").shape == (1, 32)
    facts = json.loads((finished / "evaluation.json").read_text())
    assert [suite["name"] for suite in facts["suites"]] == ["dev"]
    assert facts["suites"][0]["queries"] > 20
    assert "| dev MRR@1000" in (finished / "evaluation.md").read_text()
    assert "code, both in the forms that the stage views drew" in (finished / "model/README.md").read_text()
    report = (finished / "report.html").read_text()
    assert "<html" in report
    assert 'src="http' not in report
    assert json.loads((finished / "recipe.json").read_text())["train"]["max_steps"] == 12
    pairs = list(ShardedTable(finished / "refine" / "pairs", RefinedPair))
    assert any(pair.is_gt for pair in pairs)
    assert all(0 <= pair.similarity < 1 for pair in pairs)


def test_a_finished_run_does_nothing_again(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("stage.json")}
    assert len(before) == 9
    assert main(["run", "smoke", "--out", str(finished), "--jobs", "1", *settings()]) == 0
    assert {p: p.stat().st_mtime_ns for p in finished.rglob("stage.json")} == before
    assert "dev MRR@1000" in capsys.readouterr().out


def test_a_finished_run_can_be_joined_with_a_table(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    joining = settings("export.join.table='static'", "export.join.share=0.25", "export.join.code_share=0.5")
    assert main(["run", "smoke", "--out", str(out), *joining]) == 0
    joined = load(out / "model-joined")
    alone, static = load(out / "model"), load("static")
    codes = ["def read(path): return open(path).read()", "def send(mail): post(mail)"]
    products = [encoder.encode(codes) @ encoder.encode(codes).T for encoder in (joined, alone, static)]
    np.testing.assert_allclose(products[0], 0.5 * products[1] + 0.5 * products[2], atol=1e-5)
    assert (joined.name, (out / "model-joined" / "transformer").is_dir()) == ("smoke", True)


def test_exported_folders_follow_what_they_are_made_of(finished: Path, tmp_path: Path) -> None:
    out, table = tmp_path / "run", tmp_path / "table"
    shutil.copytree(finished, out)
    _write_table(table, scale=1.0)

    def export(*overrides: str) -> dict[str, int]:
        """Times at which each folder was made."""
        assert main(["export", "smoke", "--out", str(out), *settings(*overrides)]) == 0
        return {folder.name: folder.stat().st_ctime_ns for folder in out.glob("model*")}

    joining = f"export.join.table='{table}'"
    first = export(joining)
    assert set(first) == {"model", "model-joined"}
    assert export(joining) == first
    assert export() == first  # what another command line asked for is not lost
    before = read_manifest(out / "model-joined").fingerprint
    _write_table(table, scale=2.0)
    second = export(joining)
    assert read_manifest(out / "model-joined").fingerprint != before
    assert second["model"] == first["model"]
    export(joining, "licence='MIT'")
    assert read_manifest(out / "model-joined").licence == "MIT"
    shutil.rmtree(out / "model")
    export()
    assert load(out / "model").dim == 32
    with (out / "train" / "stage.json").open("r+", encoding="utf-8") as file:
        manifest = json.load(file)
        manifest["outputs"]["losses.jsonl"] = "of another training"
        file.seek(0)
        json.dump(manifest, file)
        file.truncate()
    assert set(export()) == {"model"}  # a model joined of the one before would say something else


def _write_table(folder: Path, *, scale: float) -> None:
    ones = np.ones(2, dtype=np.float32)
    export_static(
        folder,
        ["read", "file"],
        scale * np.eye(2, 8, dtype=np.float32),
        {"code": ones, "query": ones},
        name="small",
        damping={"code": 0.5, "query": 1.0},
        licence="Apache-2.0",
        training={},
    )


def test_runs_of_the_same_sources_share_their_first_stages(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "other"
    command = ["run", "smoke", "--out", str(out), "--shared", str(finished), "--jobs", "1"]
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("stage.json")}
    assert main([*command, *settings("train.max_steps=2")]) == 0
    assert {p: p.stat().st_mtime_ns for p in finished.rglob("stage.json")} == before
    own = sorted(path.parent.name for path in out.glob("*/stage.json"))
    assert own == ["evaluate", "refine", "train", "views"]


def test_a_run_that_is_killed_again_and_again_gives_the_same_model(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "oasis_train", "run", "smoke", "--out", str(out), "--jobs", "1"]
    command += settings("train.checkpoint_every=3")
    for patience_s in (4.0, 7.0, 9.0):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(patience_s)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    ours, theirs = load(out / "model"), load(finished / "model")
    np.testing.assert_array_equal(ours.encode(["read a file"]), theirs.encode(["read a file"]))
    for table in ("corpus/functions", "docstrings/docstrings", "negatives/pairs", "refine/pairs"):
        files = sorted((finished / table).iterdir())
        assert [p.read_bytes() for p in files] == [p.read_bytes() for p in sorted((out / table).iterdir())]


def test_a_table_is_trained_from_the_same_stages(tmp_path: Path) -> None:
    out = tmp_path / "static"
    overrides = (
        "student='static'", "static.dim=32", "static.epochs=3", "static.batch=64",
        "static.weights=[0.9, 0.1]",
        "static.pairs=64", "static.initial.vocabulary=2000", "static.initial.min_count=1",
        "teach.teacher='static'", "static.distillation=0.1",
    )  # fmt: skip
    assert main(["run", "smoke", "--out", str(out), "--jobs", "1", *settings(*overrides)]) == 0
    assert load(out / "model").encode(["read a file"], role="query").shape == (1, 32)
    losses = [json.loads(line) for line in (out / "train" / "losses.jsonl").read_text().splitlines()]
    assert losses[-1]["loss"] < losses[0]["loss"]
    assert all(line["cosent"] > 0 and line["distillation"] > 0 for line in losses)
    card = (out / "model" / "README.md").read_text()
    assert "A vector of 32 components for each of" in card
    assert "- **refine**: s* " in card


def test_a_small_transformer_learns_from_a_teacher(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "distilled"
    overrides = settings(
        "teach.teacher='static'", "train.distillation=1.0", "train.max_steps=60", "train.batch=64"
    )
    assert main(["run", "smoke", "--out", str(out), "--jobs", "1", *overrides]) == 0
    losses = [json.loads(line) for line in (out / "train" / "losses.jsonl").read_text().splitlines()]
    distances = [line["distillation"] for line in losses]
    assert sum(distances[-10:]) < 0.9 * sum(distances[:10])
    assert (out / "teach" / "docs.npy").is_file()
    overrides = settings("train.distillation=1.0")
    assert main(["train", "smoke", "--out", str(out), "--jobs", "1", *overrides]) == 2
    assert "add [teach] to the recipe" in capsys.readouterr().err


def test_an_ablation_shares_its_labels_and_tells_its_variants_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ablation"
    overrides = settings("train.max_steps=2")
    grid = ["--grid", "refine.delta_s=0.0,0.2", "--seeds", "1,2"]
    assert main(["ablate", "smoke", "--out", str(out), "--jobs", "1", *grid, *overrides]) == 0
    table = capsys.readouterr().out
    assert table.count("refine.delta_s=") == 2
    rows = json.loads((out / "ablation.json").read_text())
    assert [(row["variant"], row["seed"]) for row in rows] == [
        (f"refine.delta_s={delta}", seed) for delta in ("0.0", "0.2") for seed in (1, 2)
    ]
    differences = json.loads((out / "ablation-differences.json").read_text())
    assert [row["variant"] for row in differences] == ["refine.delta_s=0.2"]
    assert differences[0]["low"] <= differences[0]["difference"] <= differences[0]["high"]
    assert "less the first's" in table
    assert f"{differences[0]['difference']:+.2f} [" in table
    ElementTree.parse(out / "ablation.svg")
    assert len(list(out.glob("ablation/*/refine/stage.json"))) == 4
    assert not list(out.glob("ablation/*/label"))

    elsewhere = tmp_path / "elsewhere"
    grid += ["--variants", "refine.delta_s=0.0", "--seeds", "1", "--shared", str(out)]
    assert main(["ablate", "smoke", "--out", str(elsewhere), "--jobs", "1", *grid, *overrides]) == 0
    again = json.loads((elsewhere / "ablation.json").read_text())
    assert [row["value"] for row in again] == [row["value"] for row in rows[: len(again)]]
    assert not (elsewhere / "corpus").exists()
    assert main(["ablate", "smoke", "--out", str(elsewhere), "--variants", "fool"]) == 2
    assert "There is no variant 'fool'; there are: full, no refinement" in capsys.readouterr().err


def test_values_one_at_a_time_are_compared_with_the_recipe_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = each_variants(["train.temperature=0.02,0.1", "refine.delta_s=0.2"])
    assert [(variant.name, variant.overrides) for variant in found] == [
        ("recipe", ()),
        ("train.temperature=0.02", ("train.temperature=0.02",)),
        ("train.temperature=0.1", ("train.temperature=0.1",)),
        ("refine.delta_s=0.2", ("refine.delta_s=0.2",)),
    ]
    assert each_variants([]) == []
    assert main(["ablate", "smoke", "--out", "x", "--each", "a.b=1", "--grid", "a.b=1"]) == 2
    assert "give one of them" in capsys.readouterr().err
    assert main(["ablate", "smoke", "--out", "x", "--each", "a.b"]) == 2
    assert "'a.b' is no grid" in capsys.readouterr().err


@pytest.mark.parametrize(
    "values", ["negatives.k=1,7", "corpus.dev_share=0.1", "label.mode=doc-doc", "twins.rewritten=0.3"]
)
@pytest.mark.parametrize("way", ["--each", "--grid"])
def test_a_variant_of_a_shared_stage_is_refused_before_anything_is_made(
    way: str, values: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ablation"
    section = values.partition(".")[0]
    assert main(["ablate", "smoke", "--out", str(out), way, values, *settings()]) == 2
    said = capsys.readouterr().err
    assert f"'{values.partition(',')[0]}' changes [{section}]" in said
    assert "another --out and another --shared" in said
    assert not out.exists()


def test_stages_out_of_order_say_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("train", "label", "export"):
        assert main([verb, "smoke", "--out", str(tmp_path)]) == 2
        assert "no finished stage. Run that stage first." in capsys.readouterr().err


def test_shipped_recipes_load() -> None:
    found = {name: load_recipe(name) for name in shipped_recipes()}
    assert set(found) == {"mini-ablation", "oasis-1.5b", "oasis-mini", "oasis-static", "smoke"}
    paper = found["oasis-1.5b"].train
    assert (paper.batch, paper.learning_rate, paper.epsilon, paper.cosent_weight) == (2560, 5e-4, 1e-3, 0.02)
    assert (paper.gather_ranks, paper.gather_gradient) == (8, False)


def test_a_wrong_key_is_said_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    text = (
        shipped_recipes()["smoke"]
        .read_text()
        .replace("delta_s", "delta")
        .replace("batch = 64", "batchs = 64")
    )
    path.write_text(text)
    line = text.splitlines().index("batchs = 64") + 1
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) == 2
    assert f"mine.toml, line {line}: train.batchs is unknown. Did you mean batch?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["run", "smokey", "--out", str(tmp_path / "out")]) == 2
    assert "none of mini-ablation, oasis-1.5b, oasis-mini, oasis-static, smoke" in capsys.readouterr().err
