"""`oasis duplicates`: groups of copies as text, as JSON and as SARIF 2.1.0, which code review tools read."""

import argparse
import sys
from typing import TextIO
from urllib.parse import quote

from oasis_search.errors import SettingError
from oasis_search.index.snapshot import UnitView
from oasis_search.search.clones import LEVELS, Level
from oasis_search.syntax.units import qualified_name
from oasis_search.terminal.arguments import read_filter, read_folder, read_limit, read_settings
from oasis_search.terminal.progress import progress_bar, wait_ready
from oasis_search.terminal.text import counted, shown_path, write_json
from oasis_search.version import __version__
from oasis_search.workspace.duplication import DuplicateAnswer, DuplicateGroup
from oasis_search.workspace.session import Session

SHOWN_MEMBERS = 8
"""Places of a group that are listed for a person; JSON and SARIF have all."""

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_MEANINGS = {
    "exact": "the same code but for layout and comments",
    "renamed": "the same code with other names or literals",
    "edited": "edited copies",
    "behaviour": "code that does the same",
}


def duplicates(arguments: argparse.Namespace) -> bool:
    """Find the duplicates of a folder; True when there are any."""
    limit = read_limit(arguments.limit)
    weakest = _read_level(arguments.level)
    restriction = read_filter(arguments.lang, arguments.glob, [])
    folder = read_folder(arguments.folder)
    with Session(read_settings()) as session, progress_bar("units") as show:
        session.add_folder(folder)
        wait_ready(session)
        answer = session.duplicates(
            folder,
            restriction=restriction,
            weakest=weakest,
            report=lambda what, done, total: show(what.capitalize(), done, total),
        )
    if arguments.json:
        write_json(duplicates_to_json(answer, limit))
    elif arguments.sarif:
        write_json(duplicates_to_sarif(answer, limit))
    else:
        write_duplicates(answer, limit, sys.stdout)
    return bool(answer.groups)


def duplicates_to_json(answer: DuplicateAnswer, limit: int) -> dict[str, object]:
    """The JSON of `oasis duplicates --json`."""
    return {
        "groups": [
            {
                "level": group.level,
                "worth": group.worth,
                "members": [
                    {
                        "path": view.path,
                        "start_line": view.span.start_line0 + 1,
                        "end_line": view.span.end_line0 + 1,
                        "symbol": _symbol(view),
                        "kind": view.kind,
                        "language": view.language,
                    }
                    for view in group.members
                ],
            }
            for group in answer.groups[:limit]
        ],
        "n_groups": len(answer.groups),
        "units": answer.units,
        "model": answer.model,
    }


def duplicates_to_sarif(answer: DuplicateAnswer, limit: int) -> dict[str, object]:
    """One result a group: at its first member, with the others as related locations (SARIF 2.1.0)."""
    rules = [
        {"id": f"duplicate/{level}", "shortDescription": {"text": _MEANINGS[level].capitalize()}}
        for level in LEVELS
    ]
    driver = {"name": "oasis", "version": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {"ROOT": {"uri": f"{answer.root.as_uri()}/"}},
        "results": [_result(group) for group in answer.groups[:limit]],
    }
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def write_duplicates(answer: DuplicateAnswer, limit: int, out: TextIO) -> None:
    """Groups for a person, the most worth merging first."""
    for rank, group in enumerate(answer.groups[:limit], 1):
        out.write(f"{rank:>2}  {group.level}, {counted(len(group.members), 'place')}\n")
        for view in group.members[:SHOWN_MEMBERS]:
            place = f"{shown_path(view.path)}:{view.span.start_line0 + 1}-{view.span.end_line0 + 1}"
            out.write(f"      {place}  {shown_path(_symbol(view))}\n")
        if len(group.members) > SHOWN_MEMBERS:
            out.write(f"      ... and {len(group.members) - SHOWN_MEMBERS:,} more\n")
        out.write("\n")
    left = len(answer.groups) - limit
    more = f" {left:,} more with -n." if left > 0 else ""
    out.write(f"{counted(len(answer.groups), 'group')} among {counted(answer.units, 'function')}.{more}\n")


def _result(group: DuplicateGroup) -> dict[str, object]:
    first, *others = group.members
    names = ", ".join(_symbol(view) for view in others[:3]) + (", ..." if len(others) > 3 else "")
    return {
        "ruleId": f"duplicate/{group.level}",
        "level": "note",
        "message": {"text": f"{_symbol(first)} and {names}: {_MEANINGS[group.level]}."},
        "locations": [{"physicalLocation": _location(first)}],
        "relatedLocations": [
            {"id": number, "physicalLocation": _location(view), "message": {"text": _symbol(view)}}
            for number, view in enumerate(others, 1)
        ],
        "properties": {"worth": group.worth},
    }


def _location(view: UnitView) -> dict[str, object]:
    uri = quote(view.path.encode("utf-8", "surrogateescape"), safe="/~")
    return {
        "artifactLocation": {"uri": uri, "uriBaseId": "ROOT"},
        "region": {"startLine": view.span.start_line0 + 1, "endLine": view.span.end_line0 + 1},
    }


def _symbol(view: UnitView) -> str:
    return qualified_name(view.name, view.container)


def _read_level(typed: str) -> Level:
    for level in LEVELS:
        if level == typed.lower():
            return level
    raise SettingError(f"There is no level {typed!r}. Levels are {', '.join(LEVELS)}.")
