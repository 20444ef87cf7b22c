"""Are clone levels right? Mechanical edits of real functions, by kind of edit and by language.

    python tests/bench/clones.py FOLDER [--functions 150] [--json]

    python tests/bench/clones.py ~/repositories

`FOLDER` holds source code; of each language so many functions of 8 to 60 lines are taken, an even sample by
hash. Each is given another layout and a comment (*exact*), another name for half of its names everywhere
(*renamed*), a line of logging in its middle, two neighbouring statements in the other order (both *edited*),
and set beside another function of its language (*behaviour*). Prints the share of right levels. Python's
loops in another form are tested in tests/unit/search/test_clones.py.
"""

import argparse
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tree_sitter
from snapshots import read_source

from oasis_search.search.clones import Level, clone_level, sketch
from oasis_search.syntax import Language, cut_units
from oasis_search.syntax.fragment import parse_fragment
from oasis_search.syntax.leaves import Leaf, leaves
from oasis_train.data import row_id
from oasis_train.refine.trees import parse_function

LOGGING = {
    "python": 'log.debug("reached")',
    "ruby": 'logger.debug("reached")',
    "javascript": 'console.log("reached");',
    "typescript": 'console.log("reached");',
    "java": 'log.debug("reached");',
    "csharp": 'Log.Debug("reached");',
    "go": 'log.Println("reached")',
    "c": 'printf("reached");',
    "cpp": 'printf("reached");',
    "php": 'error_log("reached");',
    "rust": 'println!("reached");',
}
NAME = re.compile(r"identifier$|^(?:name|constant|instance_variable)$")
BODIES = (
    "block",
    "statement_block",
    "compound_statement",
    "body_statement",
    "function_body",
    "statement_list",
)
LEAST_LINES, MOST_LINES = 8, 60
MAX_FILE_BYTES = 100_000
EDITS: dict[str, Level] = {
    "layout": "exact",
    "renamed": "renamed",
    "logging": "edited",
    "reordered": "edited",
    "another": "behaviour",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One function as it is written."""

    name: str
    language: Language
    text: str


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="source code")
    parser.add_argument("--functions", type=int, default=150, help="of each language (default 150)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    samples = _samples(options.folder, options.functions)
    if not samples:
        sys.exit(f"{options.folder} holds no function of {LEAST_LINES} to {MOST_LINES} lines.")
    right: dict[str, dict[str, list[bool]]] = {}
    for language, functions in samples.items():
        right[language] = defaultdict(list)
        for place, function in enumerate(functions):
            for edit, text in _edits(function, functions[(place + 7) % len(functions)]):
                right[language][edit].append(_level(function, text) == EDITS[edit])
    shares = {
        language: {edit: round(sum(found) / len(found), 4) for edit, found in edits.items()}
        for language, edits in sorted(right.items())
    }
    every = [one for edits in right.values() for found in edits.values() for one in found]
    if options.json:
        print(json.dumps({"right": sum(every) / len(every), "judged": len(every), "languages": shares}))
        return
    print(f"| language | functions | {' | '.join(EDITS)} |\n|---|---:|{'---:|' * len(EDITS)}")
    for language, edits in shares.items():
        cells = (f"{100 * edits[edit]:.1f}" if edit in edits else "" for edit in EDITS)
        print(f"| {language} | {len(samples[language])} | {' | '.join(cells)} |")
    print(f"\n{100 * sum(every) / len(every):.1f} % of {len(every):,} levels are right.")


def _samples(folder: Path, n: int) -> dict[str, list[Sample]]:
    """Functions of each language, those whose hashes come first."""
    found: dict[str, dict[str, Sample]] = defaultdict(dict)
    for path in sorted(folder.rglob("*.*")):
        read = read_source(path, folder, MAX_FILE_BYTES)
        if read is None or read[1].name not in LOGGING:
            continue
        _, language, source = read
        for unit in cut_units(source, language)[0]:
            text = source[unit.span.start_byte : unit.span.end_byte].decode("utf-8", "replace")
            is_whole = unit.kind in ("function", "method") and not unit.part
            if is_whole and LEAST_LINES <= text.count("\n") < MOST_LINES:
                found[language.name][row_id(text)] = Sample(unit.name, language, text)
    return {language: [kept[key] for key in sorted(kept)[:n]] for language, kept in found.items()}


def _edits(function: Sample, other: Sample) -> Iterator[tuple[str, str]]:
    """(kind, text); kinds that a function gives no occasion for are left out."""
    sign = "#" if function.language.name in ("python", "ruby") else "//"
    lines = function.text.splitlines()
    found = _leaves(function, function.text)
    if not any("\n" in leaf.text for leaf in found):  # a text of several lines would change
        yield "layout", "\n".join([*(line.replace("    ", "      ") for line in lines), f"{sign} seen"])
    if (renamed := _renamed(function)) is not None:
        yield "renamed", renamed
    root, source = parse_function(function.text, function.language)
    statements = [] if root is None else _statements(root)
    if root is not None and len(statements) > 2:
        begin, end = root.start_byte, root.end_byte
        middle = len(statements) // 2
        first, second = statements[middle - 1], statements[middle]
        log = f"{LOGGING[function.language.name]}\n".encode()
        yield "logging", (source[begin : second.start_byte] + log + source[second.start_byte : end]).decode()
        swapped = (
            source[begin : first.start_byte]
            + source[second.start_byte : second.end_byte]
            + source[first.end_byte : second.start_byte]
            + source[first.start_byte : first.end_byte]
            + source[second.end_byte : end]
        )
        if swapped != source[begin:end]:
            yield "reordered", swapped.decode()
    if other.text != function.text:
        yield "another", other.text


def _statements(root: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Statements of a function's body."""
    stack = [root]
    while stack:
        node = stack.pop(0)
        if node.type in BODIES and [child.type for child in node.named_children] != ["statement_list"]:
            return [child for child in node.named_children if not _says_only(child)]
        stack += node.named_children
    return []


def _renamed(function: Sample) -> str | None:
    """Half of the names with another end, in Ruby before the sign that says what a name is of."""
    piece = parse_fragment(function.text.encode("utf-8", "replace"), function.language)
    end = piece.start_byte + len(function.text.encode("utf-8", "replace"))
    found = []
    stack = [piece.root]
    while stack:
        node = stack.pop()
        if not node.children and NAME.search(node.type) and piece.start_byte <= node.start_byte < end:
            found.append((node.start_byte, piece.text[node.start_byte : node.end_byte]))
        stack.extend(node.children)
    names = sorted({name for _, name in found})
    chosen = set(random.Random(row_id(function.text)).sample(names, (len(names) + 1) // 2))
    others = {name: re.sub(rb"([?!]?)$", rb"_x\1", name, count=1) for name in chosen}
    if not chosen or set(others.values()) & set(names):
        return None
    text = piece.text[:end]
    for start, name in sorted(found, reverse=True):
        text = text[:start] + others.get(name, name) + text[start + len(name) :]
    return text[piece.start_byte :].decode("utf-8", "replace")


def _says_only(node: tree_sitter.Node) -> bool:
    """Whether it is a comment or a docstring, which levels do not see."""
    return "comment" in node.type or any("string" in child.type for child in node.named_children[:1])


def _leaves(function: Sample, text: str) -> Sequence[Leaf]:
    return leaves(text.encode("utf-8", "replace"), function.language)


def _level(function: Sample, text: str) -> Level:
    name = function.language.name
    first, second = (sketch(_leaves(function, each), name) for each in (function.text, text))
    return clone_level(first, second)


if __name__ == "__main__":
    main()
