"""Training in real processes: killed at any moment, and two that act as one."""

import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.train.training.tables import write_tables

ROOT = Path(__file__).parents[3]


def run(*arguments: object) -> None:
    command = [sys.executable, "-m", "tests.train.training.forks", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tables")
    write_tables(root, (inspect,), (textwrap,))
    return root


def test_a_run_killed_at_any_moment_ends_with_the_same_weights(tables: Path, tmp_path: Path) -> None:
    run("kills", tables, tmp_path, 1, 4.3, 7.9, 8.1, 12.6, 15)
    for name in ("model/model.safetensors", "model/README.md", "losses.jsonl", "evaluations.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("single", "NO"), ("ddp", "MULTI_GPU"), ("fsdp", "FSDP"), ("deepspeed-zero2", "DEEPSPEED")],
)
def test_the_example_configurations_are_ones_of_accelerate(name: str, kind: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    path = ROOT / "oasis_train" / "recipes" / "accelerate" / f"{name}.yaml"
    assert load_config_from_file(str(path)).distributed_type == kind


def test_two_processes_have_loss_gradient_and_weights_of_one(tables: Path, tmp_path: Path) -> None:
    run("ranks", tables, tmp_path)
    for label in ("plain", "chunked"):
        one, two = (load_file(tmp_path / f"{name}-{label}.safetensors") for name in ("one", "two"))
        assert one.keys() == two.keys()
        for name, expected in one.items():
            assert abs(two[name] - expected).max() < 1e-5, name
        assert any(abs(gradient).max() > 1e-3 for name, gradient in one.items() if name.startswith("model"))
    one, two = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("one", "two"))
    for name, expected in one.items():
        assert abs(two[name] - expected).max() < 1e-4, name
