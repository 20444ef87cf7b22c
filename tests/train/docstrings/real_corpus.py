"""A corpus stage of real functions: those of one package of this project, cut by Python's own parser."""

import ast
from pathlib import Path

import oasis_search
from oasis_train.data import Function, ShardedTable, Stage, StageFolder, row_id

PACKAGE = Path(oasis_search.__file__).parent / "encoder" / "endpoint"
MODULES = ("answer", "budget", "errors", "rate", "retry", "session")


def real_functions(repository: str = "oasis/endpoint") -> list[Function]:
    """All functions of its modules, callers and callees by name."""
    found: list[tuple[str, ast.AST, str, str, set[str]]] = []
    for path in (PACKAGE / f"{module}.py" for module in MODULES):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            doc = ast.get_docstring(node) or ""
            code = ast.get_source_segment(text, node) or ""
            if doc:
                code = code.replace(ast.get_source_segment(text, node.body[0]) or "", "...")
            called = {
                call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                for call in ast.walk(node)
                if isinstance(call, ast.Call)
            }
            found.append((f"{path.name}:{node.lineno}", node, code, doc, called))
    names = {at: node.name for at, node, *_ in found}  # type: ignore[attr-defined]
    ids = {at: row_id(repository, at, code) for at, _, code, *_ in found}
    calls = {at: called for at, *_, called in found}
    return [
        Function(
            id=ids[at],
            repository=repository,
            revision="",
            licence="Apache-2.0",
            path=at.split(":")[0],
            start_line=int(at.split(":")[1]),
            language="python",
            name=names[at],
            container="",
            signature=code.split("\n")[0],
            doc="\n".join(line.strip() for line in doc.split("\n") if line.strip()),
            code=code,
            callers=tuple(ids[other] for other in ids if names[at] in calls[other]),
            callees=tuple(ids[other] for other in ids if names[other] in calls[at]),
            split="train",
        )
        for at, _, code, doc, _ in found
    ]


def write_corpus(folder: Path, functions: list[Function]) -> Path:
    """A finished corpus stage that holds `functions`."""

    def work(partial: Path) -> dict[str, int]:
        ShardedTable(partial / "functions", Function).write(0, functions)
        return {}

    StageFolder(folder).run(Stage("corpus", {"functions": [function.id for function in functions]}), work)
    return folder
