"""The page docs/protocol.md, written from the tables in protocol.py so that it cannot say anything else.

`python -P -m oasis_search.lsp.page > docs/protocol.md` updates it. Not imported by the server.
"""

import json
import re
import sys
import typing
from collections.abc import Iterator

from oasis_search.lsp import protocol
from oasis_search.lsp.protocol import Command, Method

_HEAD = """\
# The protocol of the OASIS language server

<!-- Written by `python -P -m oasis_search.lsp.page` from server/oasis_search/lsp/protocol.py: edit that. -->

OASIS speaks the Language Server Protocol 3.17 over standard input and output (`oasis serve`) or a socket
(`oasis serve --tcp HOST:PORT`). This page describes what it adds. A client that sends none of it still has
`workspace/symbol`, answered by meaning, and the commands.

The server announces itself in the result of `initialize`:

```json
{"capabilities": {"experimental": {"oasis": {"version": "0.1.0", "methods": ["oasis/search", "..."]}}}}
```

- **Settings** come from `initializationOptions`, from the section `oasis` by `workspace/configuration`, later
  by `workspace/didChangeConfiguration`. They come before the user's own `settings.toml`, so send only what
  somebody set, and no defaults. A bad value is named by `window/showMessage`; its default is used.
- **Positions** are in the encoding that `initialize` agreed on: the client's first choice of `utf-8`,
  `utf-16` and `utf-32`.
- **Unsaved text** is searched as it stands in the editor (`textDocument/didOpen`, `didChange`, `didSave`,
  `didClose`).
- **Folders** come and go with `workspace/didChangeWorkspaceFolders`; only `file:` URIs are indexed.
- **Cancelling** with `$/cancelRequest` stops a search, also one that came as a command.
"""

_SHORT = 90
_INNERMOST = re.compile(r"[\[{]\n[^\[\]{}]*[\]}]|\{\n(?:[^\[\]{}]|\{[^\[\]{}\n]*\}){0,300}\}")
"""An object or array over several lines that holds nothing else, or only objects that are on one line."""


def render() -> str:
    """The whole page."""
    parts = [_HEAD, "## Methods\n"]
    parts += [_method(method) for method in protocol.METHODS]
    parts += ["## Commands\n", "For `workspace/executeCommand`, with the same errors as the methods.\n"]
    parts += [_commands(protocol.COMMANDS), "## Shapes\n"]
    parts += [_shape(kind) for kind in _shapes()]
    return "\n".join(parts)


def _method(method: Method) -> str:
    lines = [
        f"### `{method.name}`\n",
        f"{method.kind.capitalize()}, sent by the {method.sender}. {method.summary}\n",
        f"- Capability: {method.capability}",
        f"- Params: {_link(method.params) if method.params else 'none'}",
    ]
    if method.kind == "request":
        lines.append(f"- Result: {_link(method.result) if method.result else '`null`'}")
        lines.append("- Errors:")
        lines += [f"  - `{failure.code}` {failure.name}: {failure.when}" for failure in method.failures]
    if method.example_params is not None:
        lines += ["\nExample params:\n", _json(method.example_params)]
    if method.example_result is not None:
        lines += ["\nExample result:\n", _json(method.example_result)]
    return "\n".join(lines) + "\n"


def _commands(commands: tuple[Command, ...]) -> str:
    rows = ["| command | arguments | result | what it does |", "|---|---|---|---|"]
    rows += [f"| `{c.name}` | {c.arguments} | {c.result} | {c.summary} |" for c in commands]
    return "\n".join(rows) + "\n"


def _shape(kind: type) -> str:
    lines = [
        f"### {kind.__name__}\n",
        f"{(kind.__doc__ or '').strip()}\n",
        "| field | type | meaning |",
        "|---|---|---|",
    ]
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        meaning = ""
        if typing.get_origin(hint) is typing.NotRequired:
            (hint,) = typing.get_args(hint)
            name = f"{name}?"
        if typing.get_origin(hint) is typing.Annotated:
            hint, meaning = typing.get_args(hint)
        lines.append(f"| `{name}` | {_type_name(hint)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _shapes() -> list[type]:
    """Every shape that a method uses, in the order of first use."""
    found: dict[type, None] = {}
    for method in protocol.METHODS:
        for kind in (method.params, method.result):
            if kind is not None:
                found.update(dict.fromkeys(_used_by(kind)))
    return list(found)


def _used_by(kind: type) -> Iterator[type]:
    yield kind
    for hint in typing.get_type_hints(kind).values():
        for inner in (hint, *typing.get_args(hint)):
            if typing.is_typeddict(inner):
                yield from _used_by(inner)


def _type_name(hint: object) -> str:
    if isinstance(hint, type) and typing.is_typeddict(hint):
        return _link(hint)
    if typing.get_origin(hint) is list:
        return f"array of {_type_name(typing.get_args(hint)[0])}"
    if typing.get_origin(hint) is dict:
        key, value = typing.get_args(hint)
        return f"object of {_type_name(key)} to {_type_name(value)}"
    return {str: "string", int: "integer", float: "number", bool: "boolean"}[typing.cast("type", hint)]


def _link(kind: type) -> str:
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def _json(value: object) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    while (shorter := _INNERMOST.sub(_on_one_line, text)) != text:
        text = shorter
    return f"```json\n{text}\n```"


def _on_one_line(found: re.Match[str]) -> str:
    line = re.sub(r"\n\s*", " ", found[0]).replace("{ ", "{").replace(" }", "}")
    line = line.replace("[ ", "[").replace(" ]", "]")
    return line if len(line) <= _SHORT else found[0]


if __name__ == "__main__":
    sys.stdout.write(render())
