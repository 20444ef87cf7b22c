"""Who calls whom inside one repository, by names and nearness.

A called name means the functions of that name (or the constructor of the class of that name) in the same
language, of which the nearest are taken:

    0  same file and container           4  named by an import of the file: its file, folder or container
    1  same file                         5  same folder
    2  same folder and container         6  anywhere, when only one function has that name
    3  in a class that the code names

What fits in the first of these with any candidate counts, unless more than `max_candidates` do: then the name
stays unresolved. There is no type inference: of `x.read()` only `read` is known, and libraries have methods
of the same names. So a name of one word means a method of another class only when the caller or its imports
name the class or its file; a library's `toLowerCase` may still be taken for one of the repository. Function
values, reflection, inheritance and renamed imports are not followed.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from oasis_search.syntax import split_identifier
from oasis_train.corpus.functions import Definition

_FAMILIES = {"tsx": "javascript", "typescript": "javascript", "cpp": "c"}
"""Languages that call each other."""

_CONSTRUCTORS = frozenset(("__init__", "__construct", "constructor", "initialize"))
"""Names of constructors that are called by the name of their class."""

_FOLDER_MODULES = frozenset(("__init__", "index", "mod"))
"""Files that are imported by the name of their folder."""

_IMPORT = re.compile(
    r"^[ \t]*(?:import|from|use|using|export\s.*\bfrom|#\s*include|require(?:_relative|_once)?"
    r"|include(?:_once)?|(?:const|let|var)\s.*\brequire)\b(.*)$"
    r"|^[ \t]*(?:[\w.]+[ \t]+)?\"([\w./@-]+)\"[ \t]*$"
    r"|^\}?.*\bfrom[ \t]+(['\"].*)$",
    re.MULTILINE,
)
_WORD = re.compile(r"\w+")

ANYWHERE = 6
_UNNAMED_RANKS = (1, 5, ANYWHERE)
"""Ranks at which nothing in the caller names the class of a method."""


@dataclass(frozen=True, slots=True)
class Links:
    """Positions of the functions that call one, and that it calls, nearest first."""

    callers: tuple[int, ...]
    callees: tuple[int, ...]


@dataclass(slots=True)
class _Name:
    """All functions that one name may mean, by where they are."""

    all: list[int] = field(default_factory=list)
    by_file: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_folder: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_class: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Lower-case innermost container -> functions."""
    by_module: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Lower-case stem of the file, or name of the folder that is imported -> functions."""


def import_words(source: str) -> frozenset[str]:
    """Lower-case words of the lines of a file that import, and of the lines of Go's import block."""
    return frozenset(
        word.lower()
        for match in _IMPORT.finditer(source)
        for word in _WORD.findall(match[1] or match[2] or match[3] or "")
    )


def link_calls(
    definitions: Sequence[Definition],
    imports: Mapping[str, frozenset[str]],
    *,
    max_candidates: int,
    max_callers: int,
    max_callees: int,
) -> list[Links]:
    """Links of all functions of one repository; `imports` holds the `import_words` of each path."""
    names = _index(definitions)
    callees: list[list[tuple[int, int]]] = []
    callers: list[list[tuple[int, int, int]]] = [[] for _ in definitions]
    for position, definition in enumerate(definitions):
        found: dict[int, int] = {}
        imported = imports.get(definition.path, frozenset())
        mentioned = frozenset(word.lower() for word in definition.words) | imported
        for called in definition.calls:
            name = names.get((_family(definition), called))
            if name is None:
                continue
            rank, candidates = _nearest(definitions, position, name, mentioned, imported)
            if rank in _UNNAMED_RANKS and len(split_identifier(called)) < 2:
                candidates = [p for p in candidates if _is_in_scope(definition, definitions[p])]
            if len(candidates) <= (1 if rank == ANYWHERE else max_candidates):
                for candidate in candidates:
                    found[candidate] = min(rank, found.get(candidate, rank))
        callees.append([(rank, callee) for callee, rank in found.items()])
        for callee, rank in found.items():
            is_near = definitions[callee].path == definition.path
            callers[callee].append((rank, abs(callee - position) if is_near else 0, position))
    return [
        Links(
            callers=tuple(position for _, _, position in sorted(calling)[:max_callers]),
            # A stable sort: of equally near ones the first called stays first.
            callees=tuple(position for _, position in sorted(called, key=lambda pair: pair[0])[:max_callees]),
        )
        for calling, called in zip(callers, callees, strict=True)
    ]


def _index(definitions: Sequence[Definition]) -> dict[tuple[str, str], _Name]:
    names: dict[tuple[str, str], _Name] = defaultdict(_Name)
    for position, definition in enumerate(definitions):
        folder, file = _folder(definition.path), definition.path.rsplit("/", 1)[-1]
        owner = _class(definition)
        known_as = {definition.name, owner} if definition.name in _CONSTRUCTORS else {definition.name}
        module = file.split(".", 1)[0].lower()
        if definition.language == "go" or module in _FOLDER_MODULES:
            module = folder.rsplit("/", 1)[-1].lower()
        for name in known_as - {""}:
            row = names[_family(definition), name]
            row.all.append(position)
            row.by_file[definition.path].append(position)
            row.by_folder[folder].append(position)
            if owner:
                row.by_class[owner.lower()].append(position)
            if module:
                row.by_module[module].append(position)
    return names


def _nearest(
    definitions: Sequence[Definition],
    position: int,
    name: _Name,
    mentioned: frozenset[str],
    imported: frozenset[str],
) -> tuple[int, list[int]]:
    """The nearest functions that the name may mean in the function at `position`, and how near they are."""
    caller = definitions[position]
    in_file = [p for p in name.by_file.get(caller.path, ()) if p != position]
    if siblings := [p for p in in_file if definitions[p].container == caller.container]:
        return 0, siblings
    if in_file:
        return 1, in_file
    folder = _folder(caller.path)
    in_folder = [p for p in name.by_folder.get(folder, ()) if p != position]
    if caller.container and (
        partial := [p for p in in_folder if definitions[p].container == caller.container]
    ):
        return 2, partial
    if in_class := _named(name.by_class, mentioned, position):
        return 3, in_class
    if in_module := _named(name.by_module, imported, position):
        return 4, in_module
    if in_folder:
        return 5, in_folder
    return ANYWHERE, [p for p in name.all if p != position] if len(name.all) <= 2 else name.all


def _is_in_scope(caller: Definition, callee: Definition) -> bool:
    """Whether the callee can be called without a receiver: defined around, beside or inside the caller."""
    inside = f"{caller.container}.{caller.name}." if caller.container else f"{caller.name}."
    return (
        inside.startswith(f"{callee.container}.")
        or not callee.container
        or (f"{callee.container}.".startswith(inside))
    )


def _named(places: Mapping[str, list[int]], words: Iterable[str], position: int) -> list[int]:
    keys = places.keys() & words
    return sorted({p for key in keys for p in places[key] if p != position})


def _family(definition: Definition) -> str:
    return _FAMILIES.get(definition.language, definition.language)


def _class(definition: Definition) -> str:
    return definition.container.rsplit(".", 1)[-1]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
