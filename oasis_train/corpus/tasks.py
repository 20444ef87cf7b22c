"""Files that each solve a task which other repositories solve too, in other languages.

Such a file is taken whole, as one definition without documentation: what it does is said by the task that it
shares with others, and the stage `twins` pairs it with them. `tasks.toml` names the repositories.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import tree_sitter

from oasis_search.syntax import Language, identifiers, language_of
from oasis_search.syntax.grammars import load_grammar, parse_tree
from oasis_train.corpus.functions import Definition, FileError, cut_at_line

_LEFT_OUT = re.compile(
    r"comment$|^(?:import_(?:statement|from_statement|declaration)|future_import_statement|package_(?:clause|declaration)"
    r"|using_directive|preproc_include|use_declaration|namespace_use_declaration|php_tag|text_interpolation)$"
)
"""Nodes that tell the language or the author's words, not what is done."""

_NOT_PLAIN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class TaskLayout:
    """How the paths of a repository name tasks."""

    repository: str
    """`owner/name`."""
    space: str
    """Tasks of one name in one space are the same."""
    path: re.Pattern[str]

    def task_of(self, path: str) -> str:
        """`space:task`, or nothing where the path is no solution.

        >>> TaskLayout("a/b", "kata", re.compile(r"(?P<task>[^/]+)/main.py")).task_of("Two-Sums/main.py")
        'kata:twosums'
        """
        found = self.path.fullmatch(path)
        if found is None:
            return ""
        name = " ".join(_NOT_PLAIN.sub("", part.lower()) for _, part in sorted(found.groupdict().items()))
        return f"{self.space}:{name}"


@cache
def _layouts() -> dict[str, TaskLayout]:
    text = files("oasis_train.corpus").joinpath("tasks.toml").read_text(encoding="utf-8")
    found = [
        TaskLayout(entry["repository"], entry["space"], re.compile(entry["path"]))
        for entry in tomllib.loads(text)["layout"]
    ]
    return {layout.repository.lower(): layout for layout in found}


def layout_of(repository: str) -> TaskLayout | None:
    """The layout of a repository, `owner/name` or `owner+name`; None for all but a few."""
    return _layouts().get(repository.replace("+", "/").lower())


def solution_of_file(path: str, data: bytes, task: str, max_characters: int) -> list[Definition]:
    """The file as one definition, imports and comments left out; none where nothing is left.

    Raises FileError when the file cannot be decoded or parsed. Linear in its length.
    """
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError("not-utf8", f"Byte {error.start} is not UTF-8.") from None
    language = language_of(path)
    if language.grammar is None:
        return []
    code = cut_at_line(_what_is_done(data, language), max_characters)
    words = tuple(identifiers(code))
    return [Definition(path, language.name, "", "", "", 1, "", code, words, (), task)] if words else []


def _what_is_done(data: bytes, language: Language) -> str:
    try:
        root = parse_tree(load_grammar(language), data).root_node
    except ValueError as error:
        raise FileError("unparsable", str(error)) from None
    pieces, at = [], 0
    for node in _left_out(root):
        pieces.append(data[at : node.start_byte])
        at = node.end_byte
    pieces.append(data[at:])
    lines = b"".join(pieces).decode("utf-8", "replace").splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _left_out(root: tree_sitter.Node) -> list[tree_sitter.Node]:
    """In document order, none inside another."""
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        if _LEFT_OUT.search(node.type):
            found.append(node)
        else:
            stack.extend(reversed(node.children))
    return found
