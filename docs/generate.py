"""Writes the parts of the documentation that follow from the code; `--check` only tells whether they do.

The table of settings in the README comes from the dataclasses in `settings.py` and the docstrings under their
fields, and stands between `<!-- settings:begin -->` and `<!-- settings:end -->`. The page `protocol.md` comes
from `lsp/protocol.py` as a whole.
"""

import ast
import dataclasses
import inspect
import re
import sys
from pathlib import Path

from oasis_search import settings
from oasis_search.lsp import page

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PROTOCOL = ROOT / "docs" / "protocol.md"


def main() -> int:
    """Status 1 when `--check` finds a page that is not current."""
    wanted = {
        README: replace_part(README.read_text(encoding="utf-8"), "settings", settings_table()),
        PROTOCOL: page.render(),
    }
    stale = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path.name} is not current. Run: make docs\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    return 0


def replace_part(text: str, name: str, content: str) -> str:
    """`text` with what stands between the two marks of `name` replaced."""
    marks = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not marks.search(text):
        raise ValueError(f"the marks <!-- {name}:begin --> and <!-- {name}:end --> are missing")
    return marks.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def settings_table() -> str:
    """A Markdown table with a row for every setting."""
    rows = ["| setting | default | what it does |", "|---|---|---|"]
    rows += [f"| `{name}` | {default} | {text} |" for name, default, text in _rows(settings.Settings(), "")]
    return "\n".join(rows)


def _rows(value: object, prefix: str) -> list[tuple[str, str, str]]:
    texts = _field_docstrings(type(value))
    rows: list[tuple[str, str, str]] = []
    for field in dataclasses.fields(value):  # type: ignore[arg-type] # always one of the settings' classes
        inner = getattr(value, field.name)
        if dataclasses.is_dataclass(inner):
            rows += _rows(inner, f"{prefix}{_camel(field.name)}.")
        else:
            rows.append((prefix + _camel(field.name), _default(inner), texts[field.name]))
    return rows


def _field_docstrings(kind: type) -> dict[str, str]:
    (definition,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(definition, ast.ClassDef)
    texts = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            texts[field.target.id] = " ".join(str(text.value.value).split())
    return texts


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, tuple):
        return "`[]`"
    return f"`{value}`" if value != "" else "empty"


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


if __name__ == "__main__":
    sys.exit(main())
