"""Files that each solve a task which other repositories solve too, in other languages.

Such a file is taken whole, as one definition without documentation: what it does is said by the task that it
shares with others, and the stage `twins` pairs it with them. Some repositories mark solutions inside a file
instead (`[START name]` to `[END name]`). What a task asks for stands in a file of its own or in the comment
at the head of a solution: a definition of the language `PROSE`. `tasks.toml` names the repositories.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import tree_sitter

from oasis_search.syntax import Language, identifiers, language_of, split_identifier
from oasis_search.syntax.grammars import load_grammar, parse_tree
from oasis_train.corpus.documentation import clean_documentation, is_useful_documentation
from oasis_train.corpus.functions import Definition, FileError, cut_at_line

PROSE = "prose"
"""The language of a statement: words that say what a task asks for."""

MOST_STATEMENT_SENTENCES = 6

_LEFT_OUT = re.compile(
    r"comment$|^(?:import_(?:statement|from_statement|declaration)|future_import_statement|package_(?:clause|declaration)"
    r"|using_directive|preproc_include|use_declaration|namespace_use_declaration|php_tag|text_interpolation)$"
)
"""Nodes that tell the language or the author's words, not what is done."""

_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_REGION = re.compile(r"\[(?P<kind>START|END) (?P<name>\w+)\]")
_MARKS = re.compile(
    r"^\s*(?:/\*+|\*+/|\*(?!\*)|//+!?|#+|--|\"{3}|'{3}|=begin|=end)|\*+/\s*$|(?:\"{3}|'{3})\s*$", re.MULTILINE
)
"""What makes a comment of a line."""
_DIRECTIVES = ("#!", "#include", "#define", "#if", "#pragma")
_TITLE = re.compile(r"\A\s*#[^\n]*\n")


@dataclass(frozen=True, slots=True)
class TaskLayout:
    """How the paths of a repository name tasks."""

    repository: str
    """`owner/name`."""
    space: str
    """Tasks of one name in one space are the same."""
    path: re.Pattern[str]
    """Of solutions; its named groups name the task."""
    statement: re.Pattern[str] | None = None
    """Of the files that say what a task asks for, in Markdown; named groups as in `path`."""
    regions: bool = False
    """Whether the tasks are named by marks inside the files instead."""
    functions: bool = False
    """Whether the documented functions of a solution are taken too, as of any other file."""

    def task_of(self, path: str) -> str:
        """`space:task`, or nothing where the path is no solution.

        >>> TaskLayout("a/b", "kata", re.compile(r"(?P<task>[^/]+)/main.py")).task_of("Two-Sums/main.py")
        'kata:twosums'
        """
        return self._task(self.path.fullmatch(path))

    def stated_by(self, path: str) -> str:
        """The task that the file at `path` states, or nothing."""
        return self._task(self.statement.fullmatch(path)) if self.statement else ""

    def definitions(self, path: str, data: bytes, max_characters: int) -> list[Definition]:
        """Solutions and statements of a file; raises FileError as `solution_of_file` does."""
        if task := self.stated_by(path):
            return _statement(path, _TITLE.sub("", data.decode("utf-8", "replace")), task)
        found = self.path.fullmatch(path)
        if found is None:
            return []
        if self.regions:
            return _solutions_in(path, data, self.space, max_characters)
        return solution_of_file(path, data, self._task(found), max_characters, _name_in(found))

    def _task(self, found: re.Match[str] | None) -> str:
        if found is None:
            return ""
        return _task_named(self.space, *(part for _, part in sorted(found.groupdict().items())))


@cache
def _layouts() -> dict[str, TaskLayout]:
    text = files("oasis_train.corpus").joinpath("tasks.toml").read_text(encoding="utf-8")
    found = [
        TaskLayout(
            repository,
            entry["space"],
            re.compile(entry["path"]),
            re.compile(entry["statement"]) if "statement" in entry else None,
            entry.get("regions", False),
            entry.get("functions", False),
        )
        for entry in tomllib.loads(text)["layout"]
        for repository in entry.get("repositories") or [entry["repository"]]
    ]
    return {layout.repository.lower(): layout for layout in found}


def layout_of(repository: str) -> TaskLayout | None:
    """The layout of a repository, `owner/name` or `owner+name`; None for all but a few."""
    return _layouts().get(repository.replace("+", "/").lower())


def solution_of_file(
    path: str, data: bytes, task: str, max_characters: int, name: str = ""
) -> list[Definition]:
    """The file as one definition, imports and comments left out; none where nothing is left.

    After it the comment at the head of the file, if it says what is asked for. Raises FileError when the file
    cannot be decoded or parsed. Linear in its length.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError("not-utf8", f"Byte {error.start} is not UTF-8.") from None
    language = language_of(path)
    if language.grammar is None:
        return []
    head, end = _head_comment(text)
    body = text[end:].encode() if language.name == "python" else data  # its string is no comment
    code = cut_at_line(_what_is_done(body, language), max_characters)
    words = tuple(identifiers(code))
    if not words:
        return []
    solution = Definition(path, language.name, name, "", "", 1, "", code, words, (), task)
    return [solution, *_statement(path, head, task)]


def _solutions_in(path: str, data: bytes, space: str, max_characters: int) -> list[Definition]:
    """What stands between marks; of marks inside others, the inner ones alone."""
    text = data.decode("utf-8", "replace")
    found, begun = [], None
    for mark in _REGION.finditer(text):
        if mark["kind"] == "START":
            begun = mark
        elif begun is not None and begun["name"] == mark["name"]:
            start, end = text.find("\n", begun.end()) + 1, text.rfind("\n", 0, mark.start())
            inside, name = text[start:end].encode(), mark["name"]
            found += solution_of_file(path, inside, _task_named(space, name), max_characters, name)[:1]
            begun = None
    return found


def _name_in(found: re.Match[str]) -> str:
    """The task's name as the path writes it, where it has words; else nothing.

    >>> _name_in(re.match(r"(?P<task>[^/]+)/main.py", "Two-Sums/main.py"))
    'Two-Sums'
    """
    name = found.groupdict().get("task") or ""
    return name if sum(word.isalpha() for word in split_identifier(name)) > 1 else ""


def _task_named(space: str, *parts: str) -> str:
    return f"{space}:{' '.join(_NOT_PLAIN.sub('', part.lower()) for part in parts)}"


def _statement(path: str, text: str, task: str) -> list[Definition]:
    sentences = clean_documentation(text, "").split("\n")[:MOST_STATEMENT_SENTENCES]
    statement = "\n".join(sentences)
    words = tuple(identifiers(statement))
    if not is_useful_documentation(statement):
        return []
    return [Definition(path, PROSE, "", "", "", 1, "", statement, words, (), task)]


def _head_comment(text: str) -> tuple[str, int]:
    """The comment (or Python's string) that a file begins with, without its marks, and where it ends.

    >>> _head_comment("// Sums two numbers.")[0].strip()
    'Sums two numbers.'
    """
    start = len(text) - len(text.removeprefix("<?php").lstrip())
    for opened, closed in (("/*", "*/"), ('"""', '"""'), ("'''", "'''"), ("=begin", "=end")):
        if text.startswith(opened, start):
            end = text.find(closed, start + len(opened)) + len(closed)
            return (_MARKS.sub("", text[start:end]), end) if end > start + len(opened) else ("", 0)
    lines = text[start:].split("\n")
    n = next((i for i, line in enumerate(lines) if not line.lstrip().startswith(("//", "#"))), len(lines))
    head = [line for line in lines[:n] if not line.startswith(_DIRECTIVES)]
    return _MARKS.sub("", "\n".join(head)), 0


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
