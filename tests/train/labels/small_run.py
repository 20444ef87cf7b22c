"""Finished corpus and docstrings stages of real functions: packages of the standard library as repositories.

Run as a script it does one stage over such folders, and dies at a given step when told to.
"""

import ast
import os
import signal
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import oasis_train.labels.chunks
from oasis_train.data import Docstring, Function, ShardedTable, Stage, StageFolder, row_id
from oasis_train.labels import LabelConfig, NegativeConfig, TeacherConfig, label_pairs, sample_negatives
from oasis_train.refine import JudgeConfig, RefineConfig, refine_pairs

REPOSITORIES = ("json", "logging", "wsgiref", "zoneinfo")
TEACHER = TeacherConfig(model="static")
LABELS = LabelConfig((TEACHER,))
REFINEMENT = RefineConfig(judge=JudgeConfig(form="none", confirm_all=True))


@cache
def real_functions() -> tuple[Function, ...]:
    """Functions of some packages, repository by repository; the last one belongs to dev."""
    found = []
    for repository in REPOSITORIES:
        for path in sorted((Path(sysconfig.get_path("stdlib")) / repository).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    found.append(_function(repository, path.name, text, node))
    return tuple(found)


def _function(repository: str, path: str, text: str, node: ast.FunctionDef) -> Function:
    doc = " ".join((ast.get_docstring(node) or "").split())
    code = ast.get_source_segment(text, node, padded=True) or ""
    if doc:
        code = code.replace(ast.get_source_segment(text, node.body[0]) or "", "pass")
    return Function(
        id=row_id(repository, path, str(node.lineno), code),
        repository=repository,
        revision="",
        licence="PSF-2.0",
        path=path,
        start_line=node.lineno,
        language="python",
        name=node.name,
        container="",
        signature=code.split("\n")[0],
        doc=doc,
        code=code,
        callers=(),
        callees=(),
        split="dev" if repository == REPOSITORIES[-1] else "train",
    )


def write_inputs(out: Path, functions: tuple[Function, ...] | None = None) -> tuple[Path, Path]:
    """The folders of a corpus stage and of a docstrings stage under `out`."""
    functions = real_functions() if functions is None else functions
    described = [Docstring(f.id, f.doc, "human", "") for f in functions if f.doc]

    def corpus(partial: Path) -> dict[str, Any]:
        ShardedTable(partial / "functions", Function).write(0, functions)
        return {}

    def docstrings(partial: Path) -> dict[str, Any]:
        ShardedTable(partial / "docstrings", Docstring).write(0, described)
        return {}

    StageFolder(out / "corpus").run(Stage("corpus", {"rows": [f.id for f in functions]}), corpus)
    StageFolder(out / "docstrings").run(
        Stage("docstrings", {"rows": [d.text for d in described]}), docstrings
    )
    return out / "corpus", out / "docstrings"


def run_stages(out: Path, *, until: str = "refine", progress: Any = None) -> None:  # noqa: ANN401
    """Negatives, labels and refinement over the inputs under `out`."""
    texts = out / "corpus", out / "docstrings"
    sample_negatives(NegativeConfig(k=3), *texts, out / "negatives", progress=progress)
    label_pairs(LABELS, *texts, out / "negatives", out / "label", progress=progress)
    if until == "refine":
        refine_pairs(REFINEMENT, *texts, out / "label", out / "refine", progress=progress)


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything that a stage left, by name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def main(out: str, die_in: str, die_after: str) -> None:
    """Do all stages, but die at once after so many reports of progress in the stage `die_in`."""
    oasis_train.labels.chunks.CHUNK_FUNCTIONS = 30
    left = int(die_after)

    def progress(what: str, done: int, total: int) -> None:
        nonlocal left
        if what == die_in:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    run_stages(Path(out), progress=progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
