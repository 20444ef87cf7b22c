"""`oasis/similar` through recorded clients: places, selections, texts, unsaved edits, and what is refused."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.samples import PATIENT

if TYPE_CHECKING:
    from tests.lsp.conftest import Editor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_renamed_copy_in_an_unsaved_buffer_is_found_and_called_so(editor: "Editor") -> None:
    path = editor.root / "net/patient.py"
    editor.open(path, PATIENT)
    try:

        async def found() -> object:
            params = {
                "textDocument": {"uri": (editor.root / "net/retry.py").as_uri()},
                "position": {"line": 8, "character": 6},
            }
            answer = await editor.request("oasis/similar", params)
            assert answer["origin"] == "call_with_backoff"
            assert all(hit["name"] != "call_with_backoff" for hit in answer["hits"])
            return [hit for hit in answer["hits"] if hit["name"] == "patiently"]

        (hit,) = await editor.until(found)
        assert hit["level"] == "renamed"
        assert hit["uri"] == path.as_uri()
        assert hit["selectionRange"]["start"] == {"line": 3, "character": 4}
    finally:
        editor.close(path)


async def test_a_text_in_another_language_finds_what_does_the_same(editor: "Editor") -> None:
    text = "double haversine(Point a, Point b) { double h = sin(dLat/2)*sin(dLat/2); return asin(sqrt(h)); }"
    params = {"text": text, "languageId": "java", "limit": 2}
    answer = await editor.command("oasis.similar", params)
    assert answer["hits"][0]["name"] == "haversine"
    assert answer["hits"][0]["level"] == "behaviour"
    assert len(answer["hits"]) == 2


async def test_a_selection_behind_wide_characters_is_read_in_the_agreed_encoding(editor: "Editor") -> None:
    line = (editor.root / "party/cake.js").read_text(encoding="utf-8").rstrip("\n")
    width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[editor.encoding]
    coded = f"{editor.encoding}-le" if width > 1 else editor.encoding
    column = len(line[: line.index("blowOut")].encode(coded)) // width
    answer = await editor.request(
        "oasis/similar",
        {
            "textDocument": {"uri": (editor.root / "party/cake.js").as_uri()},
            "range": {
                "start": {"line": 0, "character": column},
                "end": {"line": 0, "character": column + 4},
            },
        },
    )
    assert answer["origin"] == "blowOutCandles"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, 'Neither "text" nor "position"|names no file'),
        ({"text": 3}, '"text" must be a text'),
        ({"text": "  "}, "no words"),
        ({"text": "x", "languageId": "klingon"}, "klingon"),
        ({"textDocument": {"uri": "untitled:1"}, "position": {"line": 0, "character": 0}}, "names no file"),
        ({"textDocument": {"uri": "file:///no/such.py"}, "position": {"line": 0, "character": 0}}, "such.py"),
        (
            {"textDocument": {"uri": "file:///x.py"}, "position": {"line": -1, "character": 0}},
            "not a position",
        ),
        ({"text": "x", "limit": 0}, "limit"),
        ({"text": "x", "sort": 1}, "Unknown parameter"),
    ],
)
async def test_what_cannot_be_compared_is_refused_with_a_sentence(
    editor: "Editor", params: dict[str, object], words: str
) -> None:
    with pytest.raises(JsonRpcException, match=words):
        await editor.request("oasis/similar", params)
    assert await editor.names("retry after a failure", limit=1)


async def test_pieces_as_nobody_means_them_are_answered_or_refused_with_a_sentence(editor: "Editor") -> None:
    retry, image = editor.root / "net/retry.py", editor.root / "net/image.py"
    line = next(at for at, text in enumerate(retry.read_text().splitlines()) if "def call_with" in text)

    def ranged(path: Path, start: tuple[int, int], end: tuple[int, int]) -> dict[str, object]:
        ends = {"start": dict(zip(("line", "character"), start, strict=True)),
                "end": dict(zip(("line", "character"), end, strict=True))}  # fmt: skip
        return {"textDocument": {"uri": path.as_uri()}, "range": ends}

    half_a_token = await editor.request("oasis/similar", ranged(retry, (line, 6), (line, 9)))
    assert half_a_token["origin"] == "call_with_backoff"
    backwards = await editor.request("oasis/similar", ranged(retry, (line, 9), (line, 6)))
    assert backwards["origin"] == "call_with_backoff"

    steps = "".join(
        f"def step_{n}(value):\n    return value * {n} + offset_{n % 7}\n\n\n" for n in range(2600)
    )
    long = await editor.request("oasis/similar", {"text": steps, "languageId": "python", "limit": 3})
    assert len(long["hits"]) <= 3

    words = editor.root / "net/words.zzz"
    for path, text in (
        (words, retry.read_text()),
        (editor.root / "net/said.py", "# try again after a failure\n"),
    ):
        editor.open(path, text)
        try:
            answer = await editor.request("oasis/similar", ranged(path, (0, 2), (0, 8)))
            assert isinstance(answer["hits"], list)
        finally:
            editor.close(path)
    image.write_bytes(b"\x89PNG\0" + bytes(range(256)) * 8)
    try:
        with pytest.raises(JsonRpcException, match="not text"):
            await editor.request("oasis/similar", ranged(image, (0, 0), (0, 3)))
    finally:
        image.unlink()


async def test_actions_are_offered_on_a_selection_or_when_asked_for(editor: "Editor") -> None:
    path = editor.root / "net/retry.py"
    editor.open(path)
    try:
        actions = editor.client.text_document_code_action_async

        async def titles(start: tuple[int, int], end: tuple[int, int], trigger: int) -> list[str]:
            params = types.CodeActionParams(
                types.TextDocumentIdentifier(path.as_uri()),
                types.Range(types.Position(*start), types.Position(*end)),
                types.CodeActionContext([], trigger_kind=types.CodeActionTriggerKind(trigger)),
            )
            return [action.title for action in await actions(params) or ()]

        assert await titles((7, 4), (7, 4), 2) == []
        assert await titles((7, 4), (7, 4), 1) == ["Find similar code"]
        assert await titles((6, 8), (6, 40), 2) == ["Find similar code", "Search for this"]
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(path.as_uri()),
            types.Range(types.Position(6, 7), types.Position(6, 32)),
            types.CodeActionContext([], only=["oasis.search"]),
        )
        (action,) = await actions(params) or ()
        assert isinstance(action, types.CodeAction)
        assert action.command is not None
        assert action.command.arguments == [{"query": "Try again after a failure"}]
        answer = await editor.command(action.command.command, *action.command.arguments)
        assert answer["hits"][0]["name"] == "call_with_backoff"
        assert "call_with_backoff  retry.py:6" in await editor.until_told("call_with_backoff")
    finally:
        editor.close(path)
