"""Copies of functions: `oasis/duplicates`, and lenses and hints that are off until asked for."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.samples import PATIENT, RETRY

if TYPE_CHECKING:
    from tests.lsp.conftest import Connect, Editor


async def _two_copies(connect: "Connect", **options: object) -> "Editor":
    """An editor in which an unsaved renamed copy of a function of the workspace is open."""
    editor = await connect("visual-studio-code", options=options)
    await editor.until_ready()
    editor.open(editor.root / "net/patient.py", PATIENT)
    await editor.until_found("patiently", "patiently")
    return editor


async def test_an_unsaved_copy_makes_a_group_that_names_both_places(connect: "Connect") -> None:
    editor = await _two_copies(connect)
    answer = await editor.request("oasis/duplicates", {"level": "renamed"})
    (group,) = answer["groups"]
    assert group["level"] == "renamed"
    assert [member["name"] for member in group["members"]] == ["patiently", "call_with_backoff"]
    assert group["members"][0]["selectionRange"]["start"] == {"line": 3, "character": 4}
    assert answer["total"] == 1
    assert (await editor.command("oasis.duplicates"))["total"] >= 1


async def test_copies_that_may_be_missing_are_said(connect: "Connect") -> None:
    editor = await connect(options={"index": {"enabled": False}})

    async def is_said() -> bool:
        return "index.enabled" in (await editor.request("oasis/duplicates", {}))["message"]

    assert await editor.until(is_said)


async def test_an_unknown_level_is_refused_with_those_there_are(connect: "Connect") -> None:
    editor = await connect()
    with pytest.raises(JsonRpcException, match="Levels are exact, renamed, edited, behaviour"):
        await editor.request("oasis/duplicates", {"level": "close"})


async def test_nothing_is_shown_in_the_text_unless_asked_for(connect: "Connect") -> None:
    editor = await _two_copies(connect)
    assert not await editor.client.text_document_code_lens_async(_lenses(editor))
    assert await _hints(editor, "net/patient.py") == []


async def test_a_lens_counts_what_is_alike_when_it_is_shown(connect: "Connect") -> None:
    editor = await _two_copies(connect, editor={"lenses": True})
    (lens,) = await editor.client.text_document_code_lens_async(_lenses(editor)) or ()
    assert lens.command is None
    resolved = await editor.client.code_lens_resolve_async(lens)
    assert resolved.command is not None
    assert resolved.command.title == "1 similar"
    assert resolved.command.command == "oasis.showSimilar"
    assert (await editor.command("oasis.similar", *resolved.command.arguments or ()))["hits"]


async def test_a_copy_is_a_hint_that_leads_to_its_twin(connect: "Connect") -> None:
    editor = await _two_copies(connect, editor={"duplicates": True})
    (hint,) = await _hints(editor, "net/patient.py")
    assert hint.severity is types.DiagnosticSeverity.Hint
    assert hint.code == "duplicate/renamed"
    (twin,) = hint.related_information or ()
    assert twin.location.uri == (editor.root / "net/retry.py").as_uri()
    assert twin.location.range.start == types.Position(5, 4)
    assert await _hints(editor, "billing/invoice.py") == []


async def test_a_folder_in_an_open_folder_shows_nothing_twice(connect: "Connect", tmp_path: Path) -> None:
    package = tmp_path / "monorepo/packages/a"
    package.mkdir(parents=True)
    (package / "retry.py").write_text(RETRY)
    (package / "patient.py").write_text(PATIENT)
    roots = (tmp_path / "monorepo", package)
    options = {"editor": {"duplicates": True}}
    editor = await connect(root=roots[0], folders=tuple(root.as_uri() for root in roots), options=options)
    await editor.until_ready(*roots)
    answer = await editor.request("oasis/duplicates")
    assert [len(group["members"]) for group in answer["groups"]] == [2]
    assert answer["total"] == 1
    (hint,) = await _hints(editor, "packages/a/retry.py")
    (twin,) = hint.related_information or ()
    assert twin.location.uri == (package / "patient.py").as_uri()


def _lenses(editor: "Editor") -> types.CodeLensParams:
    return types.CodeLensParams(types.TextDocumentIdentifier((editor.root / "net/patient.py").as_uri()))


async def _hints(editor: "Editor", relative: str) -> list[types.Diagnostic]:
    document = types.TextDocumentIdentifier((editor.root / relative).as_uri())
    params = types.DocumentDiagnosticParams(document)
    report = await editor.client.text_document_diagnostic_async(params)
    assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
    return list(report.items)
