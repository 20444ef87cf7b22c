"""Writes the parts of the documentation that follow from the code; `--check` only tells whether they do.

The table of settings in the README comes from the dataclasses in `settings.py` and the docstrings under their
fields, and stands between `<!-- settings:begin -->` and `<!-- settings:end -->`. The page `protocol.md` comes
from `lsp/protocol.py` as a whole. The settings page of the VS Code extension is the block `configuration` of
its package.json: the server's settings from the same dataclasses, and the editor's own, below.
"""

import ast
import dataclasses
import inspect
import json
import re
import sys
from pathlib import Path

from oasis_search import settings
from oasis_search.lsp import page

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PROTOCOL = ROOT / "docs" / "protocol.md"
VSCODE = ROOT / "editors" / "vscode" / "package.json"

EDITOR_SETTINGS: dict[str, dict[str, object]] = {
    "oasis.server.command": {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "scope": "machine-overridable",
        "markdownDescription": 'The server to start, such as `["/opt/oasis", "serve"]`; empty looks '
        "in the selected Python, in `.venv`, on `PATH`, and in the private environment.",
    },
    "oasis.server.package": {
        "type": "string",
        "default": "oasis-code-search",
        "scope": "machine",
        "markdownDescription": "What `pip` installs into the private environment, when you ask for one.",
    },
}


def main() -> int:
    """Status 1 when `--check` finds a page that is not current."""
    wanted = {
        README: replace_part(README.read_text(encoding="utf-8"), "settings", settings_table()),
        PROTOCOL: page.render(),
        VSCODE: vscode_manifest(VSCODE.read_text(encoding="utf-8")),
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


def vscode_manifest(text: str) -> str:
    """The extension's package.json with the present settings."""
    manifest = json.loads(text)
    properties = dict(EDITOR_SETTINGS)
    for name, value, description in _values(settings.Settings(), ""):
        properties[f"oasis.{name}"] = {**_schema(value), "markdownDescription": description}
    manifest["contributes"]["configuration"]["properties"] = properties
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def _schema(value: object) -> dict[str, object]:
    if isinstance(value, bool):
        return {"type": "boolean", "default": value}
    if isinstance(value, int):
        return {"type": "integer", "minimum": 0, "default": value}
    if isinstance(value, tuple):
        return {"type": "array", "items": {"type": "string"}, "default": list(value)}
    return {"type": "string", "default": value}


def _rows(value: object, prefix: str) -> list[tuple[str, str, str]]:
    return [(name, _default(inner), text) for name, inner, text in _values(value, prefix)]


def _values(value: object, prefix: str) -> list[tuple[str, object, str]]:
    """(dotted name, default, description) of every setting."""
    texts = _field_docstrings(type(value))
    found: list[tuple[str, object, str]] = []
    for field in dataclasses.fields(value):  # type: ignore[arg-type] # always one of the settings' classes
        inner = getattr(value, field.name)
        if dataclasses.is_dataclass(inner):
            found += _values(inner, f"{prefix}{_camel(field.name)}.")
        else:
            found.append((prefix + _camel(field.name), inner, texts[field.name]))
    return found


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
