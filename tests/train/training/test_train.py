"""The whole stage on a tiny random BERT: what it leaves, who loads it, how it goes on, when it stops."""

import argparse
import difflib
import gzip
import inspect
import json
import shutil
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from oasis_search.encoder import load
from oasis_train.data import Function, ShardedTable, StageFolder
from oasis_train.errors import TrainingError
from oasis_train.training.config import TrainConfig
from oasis_train.training.records import read_records
from oasis_train.training.stage import train
from oasis_train.training.trainer import Trainer
from tests.train.training.tables import small_config, write_tables

Tables = tuple[Path, Path, Path]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return write_tables(tmp_path_factory.mktemp("tables"), (inspect, textwrap, argparse), (difflib,))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tables: Tables) -> Path:
    """A run with a suite, checkpoints and two epochs."""
    out = tmp_path_factory.mktemp("finished") / "train"
    suite = write_suite(tmp_path_factory.mktemp("suite") / "names", tables)
    train(small_config(checkpoint_every=5, epochs=4), *tables, out, suites=[suite])
    return out


def write_suite(folder: Path, tables: Tables) -> Path:
    functions = list(ShardedTable(tables[0] / "functions", Function))[:30]
    folder.mkdir()
    rows = {
        "corpus.jsonl.gz": [{"id": f.id, "language": "python", "code": f.code} for f in functions],
        "queries.jsonl.gz": [{"id": f"q{f.id}", "language": "python", "query": f.doc} for f in functions],
    }
    for name, lines in rows.items():
        with gzip.open(folder / name, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    (folder / "qrels.tsv").write_text("".join(f"q{f.id}\t{f.id}\t1\n" for f in functions))
    meta = {"name": "names", "task": "nl2code", "metric": "MRR@1000", "pool_by": None}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def weights(out: Path) -> dict[str, Any]:
    return load_file(out / "model" / "model.safetensors")


def same_weights(left: Path, right: Path) -> bool:
    first = (left / "model" / "model.safetensors").read_bytes()
    return first == (right / "model" / "model.safetensors").read_bytes()


def test_the_loss_falls_and_every_step_is_on_record(finished: Path) -> None:
    losses = read_records(finished / "losses.jsonl")
    assert [row["step"] for row in losses] == list(range(1, len(losses) + 1))
    quarter = len(losses) // 4
    assert np.mean([row["loss"] for row in losses[-quarter:]]) < 0.8 * np.mean(
        [row["loss"] for row in losses[:quarter]]
    )
    for row in losses:
        assert row["loss"] == pytest.approx(0.98 * row["in_batch"] + 0.02 * row["cosent"], rel=1e-5)
    evaluations = read_records(finished / "evaluations.jsonl")
    assert len(evaluations) == 4
    assert evaluations[-1]["names"] > evaluations[0]["names"]


def test_server_and_sentence_transformers_load_the_folder_with_equal_vectors(finished: Path) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["read a file line by line", "def add(a, b):\n    return a + b\n", "x = 1\n" * 500]
    served = load(finished / "model", device="cpu")
    model = SentenceTransformer(str(finished / "model"), device="cpu", local_files_only=True)
    assert np.abs(served.encode(texts, "query") - model.encode(texts, prompt_name="query")).max() < 1e-5
    assert np.abs(served.encode(texts) - model.encode(texts, prompt_name="document")).max() < 1e-5
    assert model.max_seq_length == 256


def test_tensorboard_files_hold_the_same_figures(finished: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped, unused-ignore]
        EventAccumulator,
    )

    events: Any = EventAccumulator(str(finished / "tensorboard"))
    events.Reload()
    losses = read_records(finished / "losses.jsonl")
    for name in ("loss", "in_batch", "cosent", "learning_rate", "gradient_norm"):
        scalars = events.Scalars(f"train/{name}")
        assert [event.step for event in scalars] == [row["step"] for row in losses]
        assert np.allclose([event.value for event in scalars], [row[name] for row in losses])
    assert all(event.value > 0 for event in events.Scalars("train/pairs_per_s"))
    evaluations = read_records(finished / "evaluations.jsonl")
    assert [event.step for event in events.Scalars("evaluation/dev")] == [row["step"] for row in evaluations]


def test_the_card_says_what_the_model_was_made_from(finished: Path) -> None:
    card = (finished / "model" / "README.md").read_text(encoding="utf-8")
    facts = StageFolder(finished).manifest()["facts"]
    assert "license: apache-2.0" in card
    assert f"| pairs | {facts['data']['pairs']} |" in card
    assert f"| steps | {facts['steps']} |" in card
    assert f"| names | {facts['results']['names']:.2f} |" in card
    assert '"learning_rate": 0.001' in card
    assert 'question: "query: "' in card
    assert "documentation against their code.\n" in card


def test_a_finished_stage_holds_no_checkpoint_and_is_not_done_again(
    finished: Path, tables: Tables, tmp_path: Path
) -> None:
    assert sorted(path.name for path in finished.iterdir()) == [
        "evaluations.jsonl",
        "losses.jsonl",
        "model",
        "stage.json",
        "tensorboard",
    ]
    out = tmp_path / "train"
    first = train(small_config(max_steps=2), *tables, out)
    before = (out / "stage.json").stat().st_mtime_ns
    assert train(small_config(max_steps=2, checkpoint_every=7), *tables, out) == first
    assert (out / "stage.json").stat().st_mtime_ns == before
    train(small_config(max_steps=3), *tables, out)
    assert len(read_records(out / "losses.jsonl")) == 3


def test_a_suite_that_decides_nothing_starts_nothing_anew(tables: Tables, tmp_path: Path) -> None:
    suite, out = write_suite(tmp_path / "suite", tables), tmp_path / "train"
    first = train(small_config(max_steps=4, dev_sample=0), *tables, out)
    assert train(small_config(max_steps=4, dev_sample=0), *tables, out, suites=[suite]) == first

    config = small_config(max_steps=4, dev_sample=0, eval_every=1, patience=9, watch="names")
    watched = train(config, *tables, out, suites=[suite])
    assert watched["facts"]["suites"] == {"names": watched["inputs"]["suite names"]}
    (suite / "qrels.tsv").write_text((suite / "qrels.tsv").read_text().partition("\n")[0] + "\n")
    assert train(config, *tables, out, suites=[suite])["key"] != watched["key"]


def test_a_killed_run_goes_on_when_one_more_suite_is_named(tables: Tables, tmp_path: Path) -> None:
    def stop(what: str, done: int, _: int) -> None:
        if (what, done) == ("train", 3):
            raise KeyboardInterrupt

    config = small_config(max_steps=4, dev_sample=20, checkpoint_every=1, eval_every=2)
    with pytest.raises(KeyboardInterrupt):
        train(config, *tables, tmp_path / "train", progress=stop)
    suite, steps = write_suite(tmp_path / "names", tables), list[int]()
    train(
        config,
        *tables,
        tmp_path / "train",
        suites=[suite],
        progress=lambda what, done, _: steps.append(done) if what == "train" else None,
    )
    assert steps == [4]
    evaluations = read_records(tmp_path / "train" / "evaluations.jsonl")
    assert [sorted(row) for row in evaluations] == [["dev", "step"], ["dev", "names", "step"]]


def test_cached_gradients_train_to_the_weights_of_whole_batches(tables: Tables, tmp_path: Path) -> None:
    for chunk in (0, 3):
        train(small_config(max_steps=4, chunk=chunk, dev_sample=0), *tables, tmp_path / str(chunk))
    plain, cached = weights(tmp_path / "0"), weights(tmp_path / "3")
    assert all(abs(cached[name] - tensor).max() < 1e-4 for name, tensor in plain.items())


@pytest.mark.parametrize(
    "changes",
    [
        {"bf16": True, "chunk": 5, "gradient_checkpointing": True, "weights": "bfloat16"},
        {"shuffle": "repository", "in_batch": "info-nce", "schedule": "cosine", "warmup": 0.2},
        {"optimizer": "adafactor", "lora_rank": 2, "average_with_start": 0.1, "pooling": "cls"},
    ],
)
def test_options_train_to_a_model_that_the_server_loads(
    tables: Tables, tmp_path: Path, changes: dict[str, Any]
) -> None:
    steps: list[tuple[str, int, int]] = []
    config = small_config(max_steps=3, dev_sample=0, **changes)
    train(config, *tables, tmp_path / "train", progress=lambda *told: steps.append(told))
    assert steps[-1] == ("train", 3, 3)
    vectors = load(tmp_path / "train" / "model", device="cpu").encode(["def f(): pass"])
    assert np.linalg.norm(vectors) == pytest.approx(1.0, abs=1e-5)


def test_a_run_that_is_told_to_stop_ends_with_the_weights_so_far(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "train"

    def stop_at_three(what: str, done: int, total: int) -> None:
        if (what, done) == ("train", 3):
            (out / "partial" / "stop").touch()

    facts = train(small_config(max_steps=9, dev_sample=0), *tables, out, progress=stop_at_three)["facts"]
    assert (facts["steps"], facts["weights_of_step"]) == (3, 3)
    assert len(read_records(out / "losses.jsonl")) == 3
    assert not (out / "stop").exists()
    short = small_config(max_steps=3, dev_sample=0)  # the rate does not fall, so the weights are the same
    train(short, *tables, tmp_path / "short")
    assert same_weights(out, tmp_path / "short")


def test_a_run_that_gets_no_better_stops_and_keeps_its_best_weights(tables: Tables, tmp_path: Path) -> None:
    config = small_config(
        eval_every=2, patience=2, learning_rate=1e-9, dev_sample=30, epochs=5, weight_decay=0.0
    )
    facts = train(config, *tables, tmp_path / "train")["facts"]
    assert (facts["steps"], facts["weights_of_step"]) == (6, 2)
    short = small_config(max_steps=2, learning_rate=1e-9, weight_decay=0.0)
    train(short, *tables, tmp_path / "short")
    assert same_weights(tmp_path / "train", tmp_path / "short")


def test_watching_what_is_not_evaluated_is_refused(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"watch is 'cosqa', but there is no such evaluation \(dev\)"):
        train(small_config(patience=1, watch="cosqa"), *tables, tmp_path / "train")


def test_a_loss_that_is_no_number_names_the_step_and_its_rows(tables: Tables, tmp_path: Path) -> None:
    config = small_config(learning_rate=1e30, clip=0.0, checkpoint_every=1, dev_sample=0)
    with pytest.raises(TrainingError, match=r"Step \d+ gave no number: the .* is (nan|inf)") as raised:
        train(config, *tables, tmp_path / "train")
    partial = tmp_path / "train" / "partial"
    step = int(str(raised.value).split()[1])
    names = (partial / "checkpoints" / f"stopped-step-{step}.txt").read_text().splitlines()
    assert len(names) == 16
    known = {row.id for row in ShardedTable(tables[0] / "functions", Function)}
    assert all(part in known for name in names for part in name.split("/"))
    checkpoint = partial / "checkpoints" / f"step-{step - 1:09d}"
    assert f"The checkpoint {checkpoint} is kept" in str(raised.value)
    assert (checkpoint / "position.json").is_file()


def test_a_group_that_does_not_divide_the_processes_is_refused() -> None:
    processes: Any = SimpleNamespace(num_processes=12)
    with pytest.raises(TrainingError, match="gather_ranks is 8, which does not divide the 12 processes"):
        Trainer(small_config(gather_ranks=8), processes, processes)


def test_damaged_start_weights_stop_at_the_first_step(tables: Tables, tmp_path: Path) -> None:
    from tests.unit.encoder.checkpoints import write_checkpoint

    folder = write_checkpoint(tmp_path / "start", "bert")
    stored = load_file(folder / "model.safetensors")
    stored["encoder.layer.0.output.dense.bias"][0] = float("nan")
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    config = small_config(backbone=str(folder), init="weights", dev_sample=0)
    with pytest.raises(TrainingError, match=r"Step 1 gave no number: the loss is nan .* no checkpoint yet"):
        train(config, *tables, tmp_path / "train")


def test_a_stopped_run_goes_on_to_the_weights_of_one_that_was_not(tables: Tables, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop_at(wanted: int) -> Any:  # noqa: ANN401
        def progress(what: str, done: int, _: int) -> None:
            if what == "train" and done == wanted:
                raise Stopped

        return progress

    config = small_config(
        checkpoint_every=3, keep_checkpoints=1, eval_every=4, max_steps=11, dev_sample=20, patience=9
    )
    train(config, *tables, tmp_path / "whole")
    for step in (2, 5, 8, 11):
        with pytest.raises(Stopped):
            train(config, *tables, tmp_path / "stopped", progress=stop_at(step))
    checkpoints = tmp_path / "stopped" / "partial" / "checkpoints"
    assert [path.name for path in checkpoints.glob("step-*")] == ["step-000000009"]
    train(config, *tables, tmp_path / "stopped")
    assert same_weights(tmp_path / "whole", tmp_path / "stopped")
    for name in ("losses.jsonl", "evaluations.jsonl", "model/README.md"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()


def test_a_full_disk_is_said_and_the_last_checkpoint_kept(tables: Tables, tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(what: str, done: int, _: int) -> None:
        if what == "train" and done == 2:  # the next checkpoint has no room
            resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))

    config = small_config(checkpoint_every=2, max_steps=4, dev_sample=0)
    try:
        with pytest.raises(
            TrainingError, match=r"checkpoint .*step-000000004 cannot be written .* Make room"
        ):
            train(config, *tables, tmp_path / "train", progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    checkpoints = tmp_path / "train" / "partial" / "checkpoints"
    assert [path.name for path in checkpoints.iterdir()] == ["step-000000002"]
    train(config, *tables, tmp_path / "train")
    train(config, *tables, tmp_path / "whole")
    assert same_weights(tmp_path / "train", tmp_path / "whole")


def test_a_damaged_checkpoint_is_named(tables: Tables, tmp_path: Path) -> None:
    config = small_config(checkpoint_every=1, max_steps=2, learning_rate=1e-3, dev_sample=0)

    def stop(what: str, done: int, _: int) -> None:
        if what == "train" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, *tables, tmp_path / "train", progress=stop)
    path = tmp_path / "train" / "partial" / "checkpoints" / "step-000000002" / "optimizer.bin"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TrainingError, match=r"step-000000002 cannot be read .* Delete it"):
        train(config, *tables, tmp_path / "train")
    shutil.rmtree(path.parent)
    assert train(config, *tables, tmp_path / "train")["facts"]["steps"] == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"batch": 0}, r"batch is 0; it must be at least 1"),
        ({"temperature": float("nan")}, r"temperature is nan; it must be above 0"),
        ({"schedule": "step"}, r"schedule is 'step'; it must be one of"),
        ({"backbone": "", "init": "weights"}, r"backbone is ''; it must be set unless init is random"),
        ({"in_batch_weight": 0.0, "cosent_weight": 0.0}, r"in_batch_weight is 0.0"),
    ],
)
def test_an_unusable_setting_is_named(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(TrainingError, match=expected):
        TrainConfig(**changes)
