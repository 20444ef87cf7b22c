"""Scripts by which shells complete what is typed after `oasis`, made from the parser itself."""

import argparse
from collections.abc import Iterator, Mapping, Sequence

import shtab

from oasis_search.search.clones import LEVELS
from oasis_search.syntax.languages import LANGUAGES
from oasis_search.syntax.units import KINDS

_PLACES = {"PATH": shtab.DIRECTORY, "FOLDER": shtab.DIRECTORY, "FILE:LINE[-LINE]": shtab.FILE}


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for one shell. Gives choices to arguments of `parser`, which must not parse then."""
    words: Mapping[str, Sequence[str]] = {
        "--lang": sorted(language.name for language in LANGUAGES),
        "--as": sorted(language.name for language in LANGUAGES),
        "--kind": KINDS,
        "--level": LEVELS,
    }
    for action in _actions(parser):
        place = _PLACES.get(str(action.metavar))
        if place is not None:
            action.complete = place  # type: ignore[attr-defined]  # shtab's own attribute
        for option in action.option_strings:
            if option in words:
                action.choices = words[option]
    script: str = shtab.complete(parser, shell=shell)
    return script


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of the parser and of those of its verbs."""
    for action in parser._actions:  # argparse tells of them in no other way
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)
        else:
            yield action
