"""What people call languages and kinds: in a terminal, a question, an editor's or agent's request."""

import difflib

from oasis_search.errors import SettingError
from oasis_search.syntax.languages import LANGUAGES, TEXT, Language, language_by_lsp_id, language_of
from oasis_search.syntax.units import KINDS, Kind

_SPOKEN = {
    "c#": "csharp",
    "f#": "fsharp",
    "golang": "go",
    "objc": "objective-c",
    "objective-c++": "objective-c",
    "shell": "bash",
}
"""Names that are neither an editor's nor an ending of files."""


def read_language(name: str) -> Language:
    """The language of that name, of an editor's `languageId` or of an ending of files, whatever the case.

    Raises SettingError, with what may have been meant, for one that is none.

    >>> [read_language(name).name for name in ("Python", "typescriptreact", "rs", "C#")]
    ['python', 'tsx', 'rust', 'csharp']
    """
    known = language_by_lsp_id(_SPOKEN.get(name.lower(), name))
    if known is not None:
        return known
    by_ending = language_of(f"x.{name.lower()}")
    if by_ending is not TEXT:
        return by_ending
    names = sorted(row.name for row in LANGUAGES)
    close = difflib.get_close_matches(name.lower(), names, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"Known are {', '.join(names)}."
    raise SettingError(f'There is no language "{name}". {hint}')


def read_kind(name: str) -> Kind:
    """The kind of unit of that name, whatever the case; SettingError, naming all, for one that is none."""
    for kind in KINDS:
        if kind == name.lower():
            return kind
    raise SettingError(f'There is no kind "{name}". Kinds are {", ".join(KINDS)}.')
