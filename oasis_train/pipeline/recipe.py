"""A recipe: one TOML file that says how a model is made, from repositories to model folder.

Every stage has its section, and every key its default; what a section may hold is the dataclass of its stage.
A recipe is frozen: a run saves it as it was used, and what the command line replaced is in it.
"""

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

from oasis_train.corpus.config import CorpusConfig
from oasis_train.distill.teach import TeachConfig
from oasis_train.docstrings.config import DocstringConfig
from oasis_train.errors import RecipeError
from oasis_train.labels.negatives import NegativeConfig
from oasis_train.labels.stage import LabelConfig
from oasis_train.pipeline.toml_values import TomlFile
from oasis_train.refine.stage import RefineConfig
from oasis_train.static.train import StaticConfig
from oasis_train.training.config import TrainConfig
from oasis_train.views.stage import ViewConfig
from oasis_train.views.twins import TwinConfig


@dataclass(frozen=True, slots=True)
class JoinConfig:
    """A table of words beside the transformer, as one encoder: `pipeline/joining.py`."""

    table: str = ""
    """A shipped table's name or a table's folder; empty joins nothing."""
    share: float = 0.3
    """Of the table, between a question and a code."""
    code_share: float = 0.0
    """Of the table, between two codes; 0: the same."""


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """What the finished model folder becomes besides."""

    onnx: Literal["", "float32", "int8"] = ""
    """Also write an ONNX model folder of this precision; transformers only."""
    calibrate: Path | None = None
    """Folder of code by which 8-bit scales are measured; Python's own library when not given."""
    join: JoinConfig = field(default_factory=JoinConfig)
    """Also write the finished model joined with a table."""


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """What the finished model is measured on."""

    suites: tuple[Path, ...] = ()
    """Suite folders; dev functions of the corpus are always measured."""
    form: Literal["formatted", "joined"] = "formatted"
    """Code as it is, or as tokens joined by spaces, as the paper's authors feed it."""
    dev_pool: int = 5_000
    """Functions of held-out repositories at most, per language."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of a run."""

    name: str
    """What users call the model."""
    licence: str
    """SPDX identifier of the trained weights."""
    label: LabelConfig
    description: str = ""
    student: Literal["transformer", "static"] = "transformer"
    """Which of the sections `train` and `static` makes the model."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    docstrings: DocstringConfig = field(default_factory=DocstringConfig)
    negatives: NegativeConfig = field(default_factory=NegativeConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    twins: TwinConfig | None = None
    """Code-to-code pairs; none without."""
    views: ViewConfig | None = None
    """How a transformer is shown texts, and which twins with them; docstring and code as they are without. A
    static table draws its own views."""
    teach: TeachConfig | None = None
    """The teacher of distillation; none without."""
    train: TrainConfig = field(default_factory=TrainConfig)
    static: StaticConfig = field(default_factory=StaticConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


def shipped_recipes() -> dict[str, Path]:
    """Name -> file of the recipes inside the package."""
    root = Path(str(files("oasis_train"))) / "recipes"
    return {path.stem: path for path in sorted(root.glob("*.toml"))}


def open_recipe(name_or_path: str) -> TomlFile:
    """The file of a shipped recipe or of the user's own; raises RecipeError when there is none."""
    path = shipped_recipes().get(name_or_path) or Path(name_or_path)
    if not path.is_file():
        raise RecipeError(
            f"There is no recipe {name_or_path!r}: it is no file and none of {', '.join(shipped_recipes())}."
        )
    return TomlFile(path)


def load_recipe(name_or_path: str, overrides: tuple[str, ...] = ()) -> Recipe:
    """The recipe with `overrides` (SECTION.KEY=VALUE) applied; raises RecipeError with file and line."""
    file = open_recipe(name_or_path)
    for assignment in overrides:
        file.override(assignment)
    return file.build(Recipe)
