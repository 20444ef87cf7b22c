"""Recipes are read strictly: what is wrong is said with file, line and remedy."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from oasis_train.errors import RecipeError
from oasis_train.pipeline.toml_values import TomlFile


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    shares: tuple[float, float] = (0.5, 0.5)
    form: Literal["a", "b"] = "a"
    folder: Path | None = None


@dataclass(frozen=True)
class Outer:
    name: str
    steps: int = 1
    quiet: bool = False
    sources: tuple[str, ...] = ()
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ValueError("steps are counted from 0")


def read(text: str) -> Outer:
    return TomlFile(Path("runs/x.toml"), text).build(Outer)


def test_values_are_taken_and_paths_count_from_the_file() -> None:
    found = read(
        'name = "x"\nsources = ["s"]\n[inner]\nrate = 2\nshares = [1, 0.0]\nfolder = "t"\nform = "b"\n'
    )
    assert found == Outer("x", sources=("s",), inner=Inner(2.0, (1.0, 0.0), "b", Path("runs/t")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 1", "runs/x.toml, line 1: name must be text, not 1."),
        (
            'name = "x"\n\n[inner]\nratte = 1',
            "runs/x.toml, line 4: inner.ratte is unknown. Did you mean rate?",
        ),
        ('name = "x"\nzzz = 1', "line 2: zzz is unknown. Known are name, steps, quiet, sources, inner."),
        ("steps = 2", "runs/x.toml: name is missing."),
        ('name = "x"\nsteps = 1.5', "line 2: steps must be a whole number, not 1.5."),
        ('name = "x"\nsteps = true', "line 2: steps must be a whole number, not True."),
        ('name = "x"\ninner = 3', "line 2: inner must be a section, not 3."),
        ('name = "x"\ninner.form = "c"', "line 2: inner.form is 'c'; it must be one of a, b."),
        ('name = "x"\n[inner]\nshares = [1.0]', "line 3: inner.shares must have 2 values, not 1."),
        ('name = "x"\nsources = "s"', "line 2: sources must be a list, not 's'."),
        ('name = "x"\nsteps = -1', "runs/x.toml: the recipe cannot be used: steps are counted from 0"),
        ("name = ", "runs/x.toml cannot be read as a recipe (Invalid value (at end of document))."),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        read(text)
    assert message in str(error.value)


def test_the_command_line_may_replace_values() -> None:
    file = TomlFile(Path("x.toml"), 'name = "x"')
    for assignment in ("inner.rate=0.5", "name=y z", "quiet = true", 'sources=["a", "b"]'):
        file.override(assignment)
    assert file.build(Outer) == Outer("y z", quiet=True, sources=("a", "b"), inner=Inner(rate=0.5))
    for wrong in ("rate", "name.x=1", "=2"):
        with pytest.raises(RecipeError, match=r"sets nothing|is a value"):
            file.override(wrong)
