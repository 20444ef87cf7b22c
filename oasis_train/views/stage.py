"""The stage `views`: every text as training shows it, and twins beside the pairs of docstring and code.

The ids stay, so that the labels of the pairs stay: `functions`, `docstrings` and `pairs` here are tables as
the earlier stages write them, with other texts in them. One draw per text: an epoch that should show other
views runs the stage with another seed.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from oasis_train.data import (
    Docstring,
    Function,
    RefinedPair,
    ShardedTable,
    Stage,
    StageFolder,
    Twin,
    config_facts,
    read_rows,
    row_id,
)
from oasis_train.data.progress import Progress
from oasis_train.errors import RecipeError
from oasis_train.refine.structure import NOT_COMPUTED
from oasis_train.views.queries import QueryShares, draw_query, first_sentence
from oasis_train.views.rename import rename_identifiers
from oasis_train.views.statements import KIND as STATEMENT

_OF_TASKS = ("task", STATEMENT)

_COMMENT = {"python": "# ", "ruby": "# "}
"""Before a line of documentation; `// ` in the other languages."""


@dataclass(frozen=True, slots=True)
class ViewConfig:
    """How texts are shown."""

    query: QueryShares = field(default_factory=QueryShares)
    documented: float = 0.35
    """How often a code keeps documentation that its query does not hold: all of it below a query of words or
    name, what follows the first sentence below a first sentence. At work codes have it."""
    renamed: float = 0.25
    """How often a code's own name is replaced; its variables too, half of the time."""
    contained: float = 0.3
    """How often the line `Container.name`, which the server adds to methods, is above the code."""
    twins: int = 0
    """Twins that are added at most, a sample by hash; 0 adds all. Those of tasks do not count."""
    seed: int = 3407

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that means nothing."""
        for name in ("documented", "renamed", "contained"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"views.{name} is {getattr(self, name)}; give a share from 0 to 1.")
        shares = [self.query.full, self.query.first, self.query.words, self.query.name]
        if min(shares) < 0 or sum(shares) <= 0 or not 0 <= self.query.question <= 1:
            raise RecipeError(
                "views.query has a negative share, or none above 0, or question is not from 0 to 1."
            )
        if self.twins < 0:
            raise RecipeError(f"views.twins is {self.twins}; give 0 or more.")


def draw_views(
    config: ViewConfig,
    corpus: Path,
    docstrings: Path,
    refine: Path,
    twins: Path | None,
    out: Path,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the three tables under `out`; returns the manifest. `twins`: the folder of that stage, if any."""
    folders = {"corpus": corpus, "docstrings": docstrings, "refine": refine}
    if twins is not None:
        folders["twins"] = twins
    inputs = {name: StageFolder(folder).digest for name, folder in folders.items()}

    def work(partial: Path) -> Mapping[str, Any]:
        chosen = _choose_twins(twins, config) if twins is not None else []
        pairs = ShardedTable(refine / "pairs", RefinedPair)
        asked_for, wanted = set[str](), {twin.function for twin in chosen}
        for pair in pairs:
            asked_for.add(pair.docstring)
            wanted.add(pair.function)
        rows = ShardedTable(docstrings / "docstrings", Docstring)
        texts = {row.function: row.text for row in rows if row.function in asked_for}
        views = ShardedTable(partial / "functions", Function), ShardedTable(partial / "docstrings", Docstring)
        forms: dict[str, int] = {}
        functions = ShardedTable(corpus / "functions", Function)
        total, done = len(functions), 0
        for shard, path in enumerate(functions.paths()):
            codes, asked = [], []
            for function in read_rows(path, Function):
                done += 1
                if function.id in wanted:
                    view = _draw(function, texts.get(function.id, ""), config)
                    codes.append(replace(function, code=view.code, callers=(), callees=()))
                    if function.id in texts:
                        asked.append(Docstring(function.id, view.query, view.form, ""))
                        forms[view.form] = forms.get(view.form, 0) + 1
            views[0].write(shard, codes)
            views[1].write(shard, asked)
            if progress:
                progress("views", done, total)
        n_shards = len(views[0].paths())
        views[1].write(n_shards, (Docstring(twin.id, twin.text, "twin", "") for twin in chosen))
        table = ShardedTable(partial / "pairs", RefinedPair)
        table.write(0, pairs)
        table.write(1, map(_pair_of, chosen))
        return {"queries": forms, "twins": len(chosen)}

    return StageFolder(out).run(Stage("views", config_facts(config), inputs), work)


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of one function."""

    query: str
    form: str
    code: str


def _draw(function: Function, text: str, config: ViewConfig) -> View:
    generator = random.Random(f"{config.seed} {function.id}")
    form, query = draw_query(function, text, config.query, generator) if text else ("none", "")
    code = function.code
    if form != "name" and generator.random() < config.renamed:
        variables = generator.random() < 0.5
        renamed = rename_identifiers(code, function.language, function.name, generator, variables=variables)
        code = renamed or code
    elif function.container and generator.random() < config.contained:
        code = f"{function.container}.{function.name}\n{code}"
    if text and form != "full" and generator.random() < config.documented:
        first = first_sentence(text)
        kept = text[len(first) :].strip() if form == "first" else text
        if kept:
            code = f"{_COMMENT.get(function.language, '// ')}{kept}\n{code}"
    return View(query, form, code)


def _choose_twins(folder: Path, config: ViewConfig) -> list[Twin]:
    found = list(ShardedTable(folder / "twins", Twin))
    if not config.twins:
        return found
    found.sort(key=lambda twin: row_id(str(config.seed), twin.id))
    others = [twin for twin in found if twin.kind not in _OF_TASKS]
    return [twin for twin in found if twin.kind in _OF_TASKS] + others[: config.twins]


def _pair_of(twin: Twin) -> RefinedPair:
    return RefinedPair(
        docstring=twin.id,
        function=twin.function,
        is_gt=True,
        similarity=twin.similarity,
        teacher_similarity=twin.similarity,
        by_threshold=False,
        by_structure=False,
        tree_distance=NOT_COMPUTED,
        verdict="",
        judge="",
        reply="",
    )
