"""Settings, folders and progress: a fresh server for each test."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from tests.lsp.conftest import Connect


async def test_bad_options_are_named_and_the_rest_works(connect: "Connect") -> None:
    editor = await connect(options={"search": {"limit": "lots"}, "colour": "red"})
    assert 'Option "search.limit"' in await editor.until_told("search.limit")
    await editor.until_told('Unknown option "colour"')
    assert {message.type for message in editor.client.messages} == {types.MessageType.Warning}
    await editor.until_ready()
    assert (await editor.names("retry with growing delays"))[0] == "call_with_backoff"


async def test_settings_come_from_the_client_and_change_live(connect: "Connect") -> None:
    editor = await connect("visual-studio-code", configuration={"search": {"limit": 2}, "trace": "off"})
    await editor.until_ready()
    assert len((await editor.search("a thing"))["hits"]) == 2
    assert types.WORKSPACE_DID_CHANGE_CONFIGURATION in editor.registered
    editor.client.set_configuration(
        {"search": {"limit": 1}, "index": {"enabled": "sometimes"}}, section="oasis"
    )
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))
    await editor.until_told("index.enabled")
    await editor.request("oasis/status")
    assert len((await editor.search("a thing"))["hits"]) == 1


async def test_empty_folder_gives_no_hits(connect: "Connect", tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    editor = await connect(root=tmp_path / "empty")
    await editor.until_ready()
    assert (await editor.search("anything"))["hits"] == []


async def test_a_question_right_after_the_start_waits_for_the_folders(connect: "Connect") -> None:
    editor = await connect()
    assert "No folder" not in (await editor.search("anything")).get("message", "")


async def test_no_folder_gives_no_hits_and_a_message(connect: "Connect") -> None:
    editor = await connect(folders=())
    result = await editor.search("anything")
    assert result["hits"] == []
    assert "folder" in result["message"]


async def test_folders_that_cannot_be_opened_are_named(connect: "Connect", tmp_path: Path) -> None:
    missing = (tmp_path / "missing").as_uri()
    good = tmp_path / "good"
    good.mkdir()
    (good / "a.py").write_text("def greet_visitors(names):\n    return names\n", encoding="utf-8")
    editor = await connect(root=good, folders=("vscode-vfs://github/ada/engine", missing, good.as_uri()))
    await editor.until_told("vscode-vfs://github/ada/engine is not on this machine")
    await editor.until_told("missing is not a folder")
    await editor.until_ready()
    assert "greet_visitors" in await editor.names("greet the visitors")


async def test_two_folders_are_searched_together(connect: "Connect", tmp_path: Path) -> None:
    for name, text in {
        "left": "def open_umbrella(rain):\n    return rain.protect()\n",
        "right": "def close_umbrella(sun):\n    return sun.fold()\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.py").write_text(text, encoding="utf-8")
    roots = (tmp_path / "left", tmp_path / "right")
    editor = await connect(root=roots[0], folders=tuple(root.as_uri() for root in roots))
    await editor.until_ready(*roots)
    hits = (await editor.search("umbrella"))["hits"]
    assert {(hit["uri"], hit["name"]) for hit in hits} >= {
        ((roots[0] / "same.py").as_uri(), "open_umbrella"),
        ((roots[1] / "same.py").as_uri(), "close_umbrella"),
    }


@pytest.mark.parametrize("name", ["visual-studio-code", "emacs"])
async def test_progress_counts_files_and_ends(connect: "Connect", tmp_path: Path, name: str) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for i in range(120):
        (root / f"part{i}.py").write_text(f"def step_{i}(x):\n    return x + {i}\n", encoding="utf-8")
    editor = await connect(name, root=root)
    await editor.until_ready()

    async def reports() -> list[object] | None:
        received = editor.client.progress_reports.get("oasis/index", [])
        return received if received and isinstance(received[-1], types.WorkDoneProgressEnd) else None

    received = await editor.until(reports)
    begin, *middle, end = received
    assert isinstance(begin, types.WorkDoneProgressBegin)
    assert begin.cancellable is True
    assert "120 files indexed" in end.message
    percentages = [report.percentage for report in middle]
    assert percentages == sorted(percentages)
    assert any("of 120 files" in report.message for report in middle)


async def test_cancelling_the_progress_pauses_and_a_command_resumes(
    connect: "Connect", tmp_path: Path
) -> None:
    root = tmp_path / "many"
    root.mkdir()
    body = "\n".join(f"def step_{n}(x):\n    return x + {n}\n" for n in range(60))
    for i in range(300):
        (root / f"part{i}.py").write_text(body, encoding="utf-8")
    editor = await connect("visual-studio-code", root=root)

    async def has_begun() -> bool:
        return bool(editor.client.progress_reports.get("oasis/index"))

    await editor.until(has_begun)
    editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams("oasis/index"))

    async def is_paused() -> bool:
        (folder,) = (await editor.request("oasis/status"))["folders"]
        return bool(folder["phase"] == "paused")

    await editor.until(is_paused)
    assert await editor.command("oasis.resume") is None
    await editor.until_ready()


async def test_reindexing_reads_everything_anew(connect: "Connect") -> None:
    editor = await connect()
    await editor.until_ready()
    (before,) = (await editor.request("oasis/status"))["folders"]
    assert await editor.command("oasis.reindex", editor.root.as_uri()) is None

    async def is_done() -> bool:
        (now,) = (await editor.request("oasis/status"))["folders"]
        return bool(now["phase"] == "ready" and now["snapshot"] > before["snapshot"])

    await editor.until(is_done)
    await editor.until_found("retry with growing delays", "call_with_backoff")


async def test_helix_is_shown_the_first_hit(connect: "Connect") -> None:
    editor = await connect("visual-studio-code", client_name="helix")
    await editor.until_ready()
    await editor.command("oasis.search", "how far apart are two places on earth")

    async def shown() -> list[types.ShowDocumentParams]:
        return editor.client.shown_documents

    (document,) = await editor.until(shown)
    assert document.uri == (editor.root / "geo/distance.js").as_uri()
    assert document.selection.start == types.Position(1, 16)


async def test_an_answer_is_a_document_where_the_client_reads_such(connect: "Connect") -> None:
    editor = await connect("visual-studio-code", has_content=True)
    workspace = editor.result.capabilities.workspace
    assert workspace is not None
    assert workspace.text_document_content is not None
    assert list(workspace.text_document_content.schemes) == ["oasis-results"]
    await editor.until_ready()
    await editor.command("oasis.showSearch", "how far apart are two places/points on earth")

    async def shown() -> list[types.ShowDocumentParams]:
        return editor.client.shown_documents

    (document,) = await editor.until(shown)
    assert document.uri.startswith("oasis-results:/1/how%20far%20apart")
    ask = editor.client.workspace_text_document_content_async
    text = (await ask(types.TextDocumentContentParams(document.uri))).text
    assert text.startswith("# how far apart are two places/points on earth\n")
    assert "## 1. haversine  (" in text
    assert "distance.js:2>" in text
    assert "```javascript\n" in text
    with pytest.raises(JsonRpcException, match="no answer of this session"):
        await ask(types.TextDocumentContentParams("oasis-results:/9/never.md"))


async def test_an_answer_is_a_message_where_the_client_reads_no_documents(connect: "Connect") -> None:
    editor = await connect("visual-studio-code")
    await editor.until_ready()
    await editor.command("oasis.showSearch", "how far apart are two places on earth")
    assert "haversine" in await editor.until_told("haversine")
