"""Tables of finished stages, as a training run finds them: functions of the standard library."""

import ast
import inspect
import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from oasis_train.data import Docstring, Function, RefinedPair, ShardedTable, Stage, StageFolder, row_id
from oasis_train.training.config import TrainConfig


def write_tables(
    root: Path,
    train: tuple[ModuleType, ...],
    dev: tuple[ModuleType, ...] = (),
    *,
    negatives: int = 2,
    shards: int = 2,
) -> tuple[Path, Path, Path]:
    """Folders of the corpus, docstrings and refine stages; each module is a repository."""
    functions = [
        function
        for module, split in [*((module, "train") for module in train), *((module, "dev") for module in dev)]
        for function in _functions(module, split)
    ]
    docstrings = [Docstring(function.id, function.doc, "human", "") for function in functions]
    draw = random.Random(5)
    pairs = []
    for function in functions:
        others = [
            other for other in functions if other.repository == function.repository and other is not function
        ]
        pairs.append(_pair(function, function, draw.uniform(0.5, 0.9)))
        for other in draw.sample(others, min(negatives, len(others))):
            pairs.append(_pair(function, other, draw.uniform(0.1, 0.5)))
    tables: dict[str, tuple[str, type[Any], list[Any]]] = {
        "corpus": ("functions", Function, functions),
        "docstrings": ("docstrings", Docstring, docstrings),
        "refine": ("pairs", RefinedPair, pairs),
    }
    for stage, (name, row_type, rows) in tables.items():
        write_stage(root / stage, stage, name, row_type, rows, shards=shards)
    return root / "corpus", root / "docstrings", root / "refine"


def write_stage(
    folder: Path, stage: str, name: str, row_type: type[Any], rows: list[Any], *, shards: int = 1
) -> None:
    """A finished stage of one table."""

    def work(partial: Path) -> dict[str, Any]:
        table: ShardedTable[Any] = ShardedTable(partial / name, row_type)
        size = -(-len(rows) // shards)
        for shard in range(shards):
            table.write(shard, rows[shard * size : (shard + 1) * size])
        return {"rows": len(rows)}

    StageFolder(folder).run(Stage(stage, {"rows": len(rows)}), work)


def small_config(**changes: Any) -> TrainConfig:  # noqa: ANN401 - fields of TrainConfig
    """A tiny random BERT, in float32 without dropout, with a prompt that leaves room for texts."""
    values: dict[str, Any] = {
        "backbone": "",
        "init": "random",
        "random_hidden": 32,
        "random_vocabulary": 600,
        "pooling": "mean",
        "query_prompt": "query: ",
        "max_tokens": 48,
        "served_tokens": 256,
        "batch": 16,
        "epochs": 2,
        "learning_rate": 1e-3,
        "epsilon": 1e-8,
        "bf16": False,
        "gradient_checkpointing": False,
        "checkpoint_every": 0,
        "name": "tiny",
    }
    return TrainConfig(**{**values, **changes})


def _functions(module: ModuleType, split: str) -> Iterator[Function]:
    source = inspect.getsource(module)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef) or len(node.body) < 2:
            continue
        doc = ast.get_docstring(node)
        if not doc:
            continue
        code = ast.unparse(ast.FunctionDef(**{**vars(node), "body": node.body[1:]}))
        name, path = f"python/{module.__name__}", f"{module.__name__}.py"
        yield Function(
            id=row_id(name, path, str(node.lineno), node.name, code),
            repository=name,
            revision="",
            licence="PSF-2.0",
            path=path,
            start_line=node.lineno,
            language="python",
            name=node.name,
            container="",
            signature=code.partition("\n")[0],
            doc=doc,
            code=code,
            callers=(),
            callees=(),
            split=split,
        )


def _pair(asked: Function, code: Function, similarity: float) -> RefinedPair:
    return RefinedPair(
        docstring=asked.id,
        function=code.id,
        is_gt=asked.id == code.id,
        similarity=similarity,
        teacher_similarity=similarity,
        by_threshold=False,
        by_structure=False,
        tree_distance=-1.0,
        verdict="",
        judge="",
        reply="",
    )
