"""A recipe: one TOML file that says how a static model is made, from sources to model folder.

Unknown names are refused, so that a typing error cannot silently train another model. Relative paths count
from the folder of the recipe.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from oasis_train.corpus.build import CorpusConfig
from oasis_train.errors import RecipeError
from oasis_train.static.train import StaticConfig


@dataclass(frozen=True, slots=True)
class InitialConfig:
    """Vocabulary and where its vectors start."""

    vocabulary: int = 48_000
    """Words at most; 256 bytes each on disk."""
    min_count: int = 4
    """Rarer words are read in pieces."""
    teacher: Path | None = None
    """sentence-transformers folder of a BERT model whose word vectors are the start; random without."""
    smoothing: float = 1e-3
    """a of SIF's a / (a + p): how steeply frequent words start below rare ones."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of a run."""

    name: str
    licence: str
    corpus: CorpusConfig
    initial: InitialConfig
    training: StaticConfig
    suites: tuple[Path, ...]
    """Suites that the model is measured on after training."""


def load_recipe(path: Path, *, sources: tuple[Path, ...] = (), teacher: Path | None = None) -> Recipe:
    """The recipe at `path`; `sources` and `teacher`, where given, replace its own."""
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path} cannot be read as a recipe ({error}).") from error
    _refuse_unknown(
        path, "the recipe", facts, {"name", "licence", "corpus", "initial", "training", "evaluation"}
    )
    folder = path.parent
    corpus = _section(path, facts, "corpus", CorpusConfig)
    corpus["sources"] = sources or _paths(folder, corpus.get("sources", []))
    corpus["exclude_suites"] = _paths(folder, corpus.get("exclude_suites", []))
    if "exclude_repositories" in corpus:
        corpus["exclude_repositories"] = folder / corpus["exclude_repositories"]
    initial = _section(path, facts, "initial", InitialConfig)
    if teacher or "teacher" in initial:
        initial["teacher"] = teacher or folder / initial["teacher"]
    training = _section(path, facts, "training", StaticConfig)
    if "view_shares" in training:
        training["view_shares"] = tuple(training["view_shares"])
    evaluation = facts.get("evaluation", {})
    _refuse_unknown(path, "[evaluation]", evaluation, {"suites"})
    try:
        return Recipe(
            name=str(facts["name"]),
            licence=str(facts["licence"]),
            corpus=CorpusConfig(**corpus),
            initial=InitialConfig(**initial),
            training=StaticConfig(**training),
            suites=_paths(folder, evaluation.get("suites", [])),
        )
    except KeyError as error:
        raise RecipeError(f"{path} lacks {error}.") from error


def _section(path: Path, facts: Mapping[str, Any], name: str, config: type) -> dict[str, Any]:
    section = dict(facts.get(name, {}))
    _refuse_unknown(path, f"[{name}]", section, {field.name for field in fields(config)})
    return section


def _refuse_unknown(path: Path, where: str, found: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(found) - known)
    if unknown:
        raise RecipeError(
            f"{path}: {where} has unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}."
        )


def _paths(folder: Path, names: list[str]) -> tuple[Path, ...]:
    return tuple(folder / name for name in names)
