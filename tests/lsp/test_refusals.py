"""What is refused, and that the server lives on; one server for the whole file."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from tests.lsp.conftest import Editor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def still_alive(editor: "Editor") -> AsyncIterator[None]:
    """After every test the server still answers."""
    yield
    assert (await editor.search("retry with growing delays", limit=1))["hits"][0][
        "name"
    ] == "call_with_backoff"


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (None, "not an object"),
        (["x"], "not an object"),
        ({}, '"query" must be a text'),
        ({"query": 7}, '"query" must be a text'),
        ({"query": "x", "limit": 0}, "limit"),
        ({"query": "x", "limit": 201}, "from 1 to 200"),
        ({"query": "x", "limit": True}, "limit"),
        ({"query": "x", "limit": "many"}, "limit"),
        ({"query": "x", "kinds": ["gadget"]}, 'no kind "gadget"'),
        ({"query": "x", "languages": ["klingon"]}, 'no language "klingon"'),
        ({"query": "x", "globs": "*.py"}, "not a list of texts"),
        ({"query": "x", "folder": "file:///nowhere"}, "not an open workspace folder"),
        ({"query": "x", "folder": 1}, "not a URI"),
        ({"query": "x", "colour": "red"}, 'Unknown parameter "colour"'),
    ],
)
async def test_bad_parameters_are_named(editor: "Editor", params: object, sentence: str) -> None:
    with pytest.raises(JsonRpcException, match=sentence) as caught:
        await editor.request("oasis/search", params)
    assert caught.value.code == -32602


async def test_unknown_method_is_refused(editor: "Editor") -> None:
    with pytest.raises(JsonRpcException) as caught:
        await editor.request("oasis/nonsense", {})
    assert caught.value.code == -32601


async def test_second_initialize_is_refused(editor: "Editor") -> None:
    with pytest.raises(JsonRpcException, match="initialized already"):
        await editor.client.initialize_async(types.InitializeParams(types.ClientCapabilities()))


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        ("oasis.fly", (), "no command"),
        ("oasis.search", (), "takes one object"),
        ("oasis.search", ("x", 3, 4), "takes one object"),
        ("oasis.search", ("x", "y"), "limit"),
        ("oasis.reindex", ("file:///nowhere",), "not an open workspace folder"),
    ],
)
async def test_bad_commands_are_named(
    editor: "Editor", command: str, arguments: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(JsonRpcException, match=sentence) as caught:
        await editor.command(command, *arguments)
    assert caught.value.code == -32602


async def test_empty_query_gives_no_hits_and_a_message(editor: "Editor") -> None:
    result = await editor.search("   ")
    assert result["hits"] == []
    assert "empty" in result["message"]


async def test_query_of_100_kilobytes_is_answered(editor: "Editor") -> None:
    result = await editor.search("call with backoff " * 6000, limit=5)
    assert result["hits"][0]["name"] == "call_with_backoff"


async def test_cancelled_requests_are_answered_as_cancelled(editor: "Editor") -> None:
    """Many at once, more than there are search threads: each is answered or cancelled, none is lost."""
    ids = [f"search-{i}" for i in range(200)]
    waiting = [asyncio.ensure_future(editor.ask("oasis/search", {"query": f"question {i}"}, i)) for i in ids]
    await asyncio.sleep(0)
    for i in ids[::-1]:
        editor.client.protocol.notify(types.CANCEL_REQUEST, types.CancelParams(i))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, JsonRpcException)]
    assert refused
    assert {error.code for error in refused} == {-32800}
    assert all(isinstance(outcome, dict | JsonRpcException) for outcome in outcomes)


async def test_cancelled_command_is_answered_as_cancelled(editor: "Editor") -> None:
    busy = [asyncio.ensure_future(editor.ask("oasis/search", {"query": f"question {i}"})) for i in range(100)]
    params = types.ExecuteCommandParams("oasis.search", ["last in the queue"])
    command = asyncio.ensure_future(editor.ask("workspace/executeCommand", params, "c"))
    await asyncio.sleep(0)
    editor.client.protocol.notify(types.CANCEL_REQUEST, types.CancelParams("c"))
    with pytest.raises(JsonRpcException) as caught:
        await command
    assert caught.value.code == -32800
    await asyncio.gather(*busy)


async def test_texts_that_are_no_files_here_are_ignored(editor: "Editor") -> None:
    for uri in ("untitled:Untitled-1", "file:///elsewhere/outside.py", "vscode-vfs://github/a/b.py"):
        item = types.TextDocumentItem(uri, "python", 1, "def unreachable_penguin():\n    pass\n")
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    assert "unreachable_penguin" not in await editor.names("unreachable penguin")


async def test_change_of_a_text_that_is_not_open_is_ignored(editor: "Editor") -> None:
    document = types.VersionedTextDocumentIdentifier(2, (editor.root / "net/retry.py").as_uri())
    change = types.TextDocumentContentChangeWholeDocument("def nothing():\n    pass\n")
    editor.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
    assert "nothing" not in await editor.names("nothing")
