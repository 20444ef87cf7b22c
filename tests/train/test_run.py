"""The whole way: source files, corpus, training, export, the server's loader, figures."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import oasis_train
from oasis_search.encoder import load, verify_folder
from oasis_train.cli import main
from oasis_train.corpus.build import read_rows
from oasis_train.errors import RecipeError
from oasis_train.evaluation.evaluate import evaluate
from oasis_train.evaluation.suites import load_suite
from oasis_train.recipe import load_recipe

ROOT = Path(oasis_train.__file__).parent
SMOKE = ROOT / "recipes" / "smoke.toml"


def _write_suite(folder: Path, corpus: Path) -> Path:
    """First sentences of the training rows as queries: learning them is what a smoke run can show."""
    rows = [row for row in read_rows(corpus) if len(row.doc) > 30]
    folder.mkdir()
    with gzip.open(folder / "corpus.jsonl.gz", "wt", encoding="utf-8") as file:
        for n, row in enumerate(rows):
            file.write(json.dumps({"id": f"c{n}", "language": row.language, "code": row.code}) + "\n")
    with gzip.open(folder / "queries.jsonl.gz", "wt", encoding="utf-8") as file:
        for n, row in enumerate(rows):
            query = row.doc.split("\n")[0]
            file.write(json.dumps({"id": f"q{n}", "language": row.language, "query": query}) + "\n")
    (folder / "qrels.tsv").write_text("".join(f"q{n}\tc{n}\t1\n" for n in range(len(rows))))
    meta = {"name": "own", "task": "nl2code", "metric": "MRR@1000", "pool_by": None}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def test_smoke_recipe_learns_the_functions_of_this_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "trainer").symlink_to(ROOT)
    assert main(["run", str(SMOKE), "--source", str(sources), "--out", str(out)]) == 0
    assert "loss per epoch" in capsys.readouterr().err
    manifest = verify_folder(out / "model")
    assert manifest.training["rows"] == len(list(read_rows(out / "corpus"))) >= 30
    losses = manifest.training["losses"]
    assert losses[-1] < losses[0] / 2
    encoder = load(out / "model")
    result = evaluate(encoder, load_suite(_write_suite(tmp_path / "own", out / "corpus")))
    assert result.value > 80
    assert encoder.encode(["read rows"], role="query").shape == (1, 32)


def test_same_recipe_and_corpus_give_the_same_fingerprint(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "trainer").symlink_to(ROOT)
    recipe = tmp_path / "short.toml"
    recipe.write_text(SMOKE.read_text().replace("epochs = 30", "epochs = 1"))
    for name in ("one", "two"):
        assert main(["run", str(recipe), "--source", str(sources), "--out", str(tmp_path / name)]) == 0
    one, two = (load(tmp_path / name / "model") for name in ("one", "two"))
    np.testing.assert_array_equal(one.encode(["read a file"]), two.encode(["read a file"]))
    assert one.fingerprint == two.fingerprint


def test_stages_out_of_order_say_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(SMOKE), "--out", str(tmp_path)]) == 2
    assert 'run "oasis-train corpus" first' in capsys.readouterr().err
    assert main(["export", str(SMOKE), "--out", str(tmp_path)]) == 2
    assert 'run "oasis-train train" first' in capsys.readouterr().err


def test_shipped_recipes_load() -> None:
    for path in sorted((ROOT / "recipes").glob("*.toml")):
        assert load_recipe(path).licence == "Apache-2.0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "name = 'x'\nlicence = 'MIT'\n[training]\nepoch = 3",
            r"\[training\] has unknown epoch; known are batch",
        ),
        ("name = 'x'", "lacks 'licence'"),
        ("name = ", "cannot be read as a recipe"),
    ],
)
def test_mistakes_in_a_recipe_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_recipe(path)
