"""The main job through the recorded VS Code, Neovim and Emacs: one server per client for the whole file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from oasis_search import __version__

if TYPE_CHECKING:
    from tests.lsp.conftest import Editor

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENCODINGS = {"visual-studio-code": "utf-16", "neovim": "utf-8", "emacs": "utf-32"}


def columns(text: str, encoding: str) -> int:
    """The slower reference: encode and count."""
    width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    return len(text.encode(f"{encoding}-le" if width > 1 else encoding)) // width


async def test_capabilities_are_announced(editor: "Editor") -> None:
    capabilities = editor.result.capabilities
    assert capabilities.position_encoding == ENCODINGS[editor.name]
    assert capabilities.experimental is not None
    assert capabilities.experimental["oasis"]["version"] == __version__
    sync = capabilities.text_document_sync
    assert isinstance(sync, types.TextDocumentSyncOptions)
    assert sync.open_close is True
    assert sync.change == types.TextDocumentSyncKind.Incremental
    assert sync.save == types.SaveOptions(include_text=True)
    assert capabilities.execute_command_provider is not None
    assert list(capabilities.execute_command_provider.commands) == [
        "oasis.search",
        "oasis.similar",
        "oasis.duplicates",
        "oasis.showSearch",
        "oasis.showSimilar",
        "oasis.status",
        "oasis.reindex",
        "oasis.pause",
        "oasis.resume",
    ]
    assert capabilities.workspace is not None
    assert capabilities.workspace.workspace_folders is not None
    assert capabilities.workspace.workspace_folders.change_notifications is True
    assert capabilities.workspace_symbol_provider is not None


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("retry after a connection failure with growing delays", "call_with_backoff"),
        ("price of everything on the bill including tax", "total_with_tax"),
        ("how far apart are two places on earth", "haversine"),
        ("which colour do warnings have", "Colours"),
    ],
)
async def test_code_is_found_by_meaning(editor: "Editor", question: str, name: str) -> None:
    hits = (await editor.search(question, limit=3))["hits"]
    assert hits[0]["name"] == name
    assert 0 < hits[0]["probability"] <= 1
    assert hits[0]["reasons"]


async def test_hit_says_where_and_what_it_is(editor: "Editor") -> None:
    hit = (await editor.search("total with tax", limit=1, kinds=["method"]))["hits"][0]
    path = editor.root / "billing/invoice.py"
    assert hit["uri"] == path.as_uri()
    assert hit["name"] == "total_with_tax"
    assert hit["kind"] == "method"
    assert hit["language"] == "python"
    assert hit["containerName"] == "Invoice"
    assert hit["preview"].startswith("def total_with_tax(self, rate):")
    assert hit["selectionRange"] == {
        "start": {"line": 6, "character": 8},
        "end": {"line": 6, "character": 22},
    }
    assert hit["range"] == {"start": {"line": 6, "character": 4}, "end": {"line": 9, "character": 31}}


async def test_columns_are_exact_behind_characters_outside_the_basic_plane(editor: "Editor") -> None:
    hit = await editor.until_found("blow out the candles of a birthday child", "blowOutCandles")
    line = (editor.root / "party/cake.js").read_text(encoding="utf-8").rstrip("\n")
    start = line.index("blowOutCandles")

    def at(index: int) -> dict[str, int]:
        return {"line": 0, "character": columns(line[:index], editor.encoding)}

    assert hit["selectionRange"] == {"start": at(start), "end": at(start + len("blowOutCandles"))}
    assert hit["range"]["end"] == at(len(line))


async def test_unsaved_text_is_found_where_it_stands_and_forgotten_when_closed(editor: "Editor") -> None:
    path = editor.write("draft/zoo.py", 'EMOJI = "🦁🐘"\n')
    editor.open(path)
    tail = columns('EMOJI = "🦁🐘"', editor.encoding)
    editor.edit(path, (0, tail), (0, tail), "\n\n\ndef feed_elephants(keeper):\n    keeper.bring_hay()")
    hit = await editor.until_found("bring hay to the elephants", "feed_elephants")
    assert hit["uri"] == path.as_uri()
    assert hit["selectionRange"]["start"] == {"line": 3, "character": 4}
    # An edit inside the line with the emoji, in the client's own columns.
    inside = columns('EMOJI = "🦁', editor.encoding)
    editor.edit(path, (0, inside), (0, tail), '🦒"; LION = "leo"')
    editor.edit(path, (3, 4), (3, 4 + len("feed_elephants")), "feed_giraffes")
    hit = await editor.until_found("bring hay to the giraffes", "feed_giraffes")
    assert hit["selectionRange"]["end"] == {"line": 3, "character": 4 + len("feed_giraffes")}
    assert "feed_elephants" not in await editor.names("bring hay to the elephants")
    editor.close(path)
    await editor.until_gone("bring hay to the giraffes", "feed_giraffes")


async def test_saved_text_stays_found_after_closing(editor: "Editor") -> None:
    path = editor.write("draft/tea.py", "pass\n")
    editor.open(path)
    text = "def brew_tea(leaves, water):\n    return water.boil().pour_over(leaves)\n"
    editor.edit(path, (0, 0), (1, 0), text)
    await editor.until_found("boil water for tea", "brew_tea")
    editor.save(path, text)
    editor.close(path)
    await editor.request("oasis/status")
    assert "brew_tea" in await editor.names("boil water for tea")


async def test_new_file_on_disk_is_found(editor: "Editor") -> None:
    editor.write("late/comet.py", "def comet_tail_length(dust):\n    return dust.spread() * 3\n")
    await editor.until_found("length of the tail of a comet", "comet_tail_length")


async def test_deleted_file_is_never_returned(editor: "Editor") -> None:
    path = editor.write("late/fossil.py", "def date_fossil(bone):\n    return bone.carbon_age()\n")
    await editor.until_found("age of a fossil bone", "date_fossil")
    editor.delete(path)
    assert "date_fossil" not in await editor.names("age of a fossil bone")


async def test_folder_added_and_removed_live(editor: "Editor", tmp_path: Path) -> None:
    other = tmp_path / "second"
    other.mkdir()
    (other / "tide.py").write_text(
        "def next_high_tide(moon):\n    return moon.phase() + 6\n", encoding="utf-8"
    )
    editor.change_folders(added=(other,))
    hit = await editor.until_found("when is the next high tide", "next_high_tide")
    assert hit["uri"] == (other / "tide.py").as_uri()
    await editor.until_ready(editor.root, other)
    assert await editor.names("when is the next high tide", folder=other.as_uri()) == ["next_high_tide"]
    assert "next_high_tide" not in await editor.names("next high tide", folder=editor.root.as_uri())
    editor.change_folders(removed=(other,))
    await editor.until_gone("when is the next high tide", "next_high_tide")
    assert [folder["uri"] for folder in (await editor.request("oasis/status"))["folders"]] == [
        editor.root.as_uri()
    ]


async def test_filters_restrict_the_answer(editor: "Editor") -> None:
    everything = (await editor.search("distance tax retry"))["hits"]
    assert {hit["language"] for hit in everything} >= {"python", "javascript"}
    scripts = (await editor.search("distance tax retry", languages=["javascript"]))["hits"]
    assert scripts
    assert {hit["language"] for hit in scripts} == {"javascript"}
    below = (await editor.search("distance tax retry", globs=["billing/"]))["hits"]
    assert {hit["uri"] for hit in below} == {(editor.root / "billing/invoice.py").as_uri()}
    methods = (await editor.search("distance tax retry", kinds=["method"]))["hits"]
    assert {hit["kind"] for hit in methods} == {"method"}
    assert len((await editor.search("distance tax retry", limit=1))["hits"]) == 1


async def test_commands_answer_as_the_requests(editor: "Editor") -> None:
    question = "wait twice as long before each new attempt"

    def stable(result: dict[str, Any]) -> list[tuple[str, str]]:
        return [(hit["uri"], hit["name"]) for hit in result["hits"]]

    # What earlier tests wrote and deleted may still be on its way: ask between two equal answers.
    for _ in range(20):
        expected = stable(await editor.search(question, limit=4))
        answers = [
            stable(await editor.command("oasis.search", {"query": question, "limit": 4})),
            stable(await editor.command("oasis.search", question, 4)),
            stable(await editor.command("oasis.search", question))[:4],
        ]
        if stable(await editor.search(question, limit=4)) == expected:
            break
    assert answers == [expected] * 3
    assert await editor.command("oasis.status") == await editor.request("oasis/status")
    assert editor.client.shown_documents == []


async def test_workspace_symbols_are_ranked_by_meaning(editor: "Editor") -> None:
    symbols = await editor.client.workspace_symbol_async(
        types.WorkspaceSymbolParams("great circle distance on the globe")
    )
    assert symbols is not None
    first = symbols[0]
    assert isinstance(first, types.SymbolInformation)
    assert (first.name, first.kind) == ("haversine", types.SymbolKind.Function)
    assert first.location.uri == (editor.root / "geo/distance.js").as_uri()
    assert first.location.range.start == types.Position(1, 16)


async def test_status_tells_about_the_folder(editor: "Editor") -> None:
    await editor.until_ready()
    status = await editor.request("oasis/status")
    assert status["version"] == __version__
    (folder,) = status["folders"]
    assert folder["uri"] == editor.root.as_uri()
    assert folder["filesDone"] == folder["filesTotal"] >= len(list(editor.root.rglob("*.*"))) - 1
    assert folder["coverage"]["units"] > 0
    assert folder["coverage"]["lexical"] == 1
    watched = types.WORKSPACE_DID_CHANGE_WATCHED_FILES in editor.registered
    assert watched == (editor.name != "neovim")
    assert folder["watching"] == ("client" if watched else "own")


async def test_status_changes_are_sent_in_order(editor: "Editor") -> None:
    own = [status for status in editor.statuses if status["uri"] == editor.root.as_uri()]
    assert {"indexing", "ready"} <= {status["phase"] for status in own}
    assert [status["snapshot"] for status in own] == sorted(status["snapshot"] for status in own)
