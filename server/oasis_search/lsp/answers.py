"""From the engine's values to the protocol's shapes. Reads files, so it runs on the engine's threads."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from oasis_search.lsp import protocol
from oasis_search.lsp.convert import range_of
from oasis_search.lsp.documents import Documents
from oasis_search.syntax.units import Problem
from oasis_search.workspace.files import read_source
from oasis_search.workspace.status import Coverage, FolderStatus, FoundHit, SearchAnswer

_MAX_BYTES = 64 * 1024 * 1024


class Presenter:
    """Knows how this client names files and counts columns."""

    def __init__(
        self, documents: Documents, uri_of: Callable[[Path, str], str], encoding: protocol.Encoding
    ) -> None:
        self._documents = documents
        self._uri_of = uri_of
        self._encoding = encoding

    def search_result(self, answer: SearchAnswer) -> protocol.SearchResult:
        """The answer on the wire, in the engine's order; a file that vanished meanwhile is left out."""
        texts: dict[Path, bytes | None] = {}
        result: protocol.SearchResult = {
            "hits": [hit for found in answer.hits if (hit := self._hit(found, texts)) is not None],
            "coverage": coverage(answer.coverage),
            "model": answer.model,
            "elapsedMs": round(answer.elapsed_ms, 3),
            "snapshot": answer.snapshot,
        }
        if answer.message:
            result["message"] = answer.message
        return result

    def _hit(self, found: FoundHit, texts: dict[Path, bytes | None]) -> protocol.SearchHit | None:
        hit = found.hit
        path = found.root / hit.path
        if path not in texts:
            texts[path] = self._text(path)
        text = texts[path]
        if text is None:
            return None
        wire: protocol.SearchHit = {
            "uri": self._uri_of(found.root, hit.path),
            "range": range_of(text, hit.span, self._encoding),
            "selectionRange": range_of(text, hit.name_span, self._encoding),
            "name": hit.name or PurePosixPath(hit.path).name,
            "kind": hit.kind,
            "language": hit.language,
            "score": float(hit.score),
            "probability": float(hit.probability),
            "preview": found.preview,
            "reasons": [{"signal": reason.signal, "detail": reason.detail} for reason in hit.reasons],
        }
        if hit.container:
            wire["containerName"] = hit.container
        return wire

    def _text(self, path: Path) -> bytes | None:
        document = self._documents.get(path)
        if document is not None:
            return document.text.encode("utf-8", "replace")
        source = read_source(path, max_bytes=_MAX_BYTES)
        return None if isinstance(source, Problem) else source.text_utf8


def coverage(value: Coverage) -> protocol.Coverage:
    """The shares on the wire."""
    return {
        "units": value.units,
        "lexical": round(value.lexical, 4),
        "static": round(value.static, 4),
        "model": round(value.model, 4),
    }


def folder_status(status: FolderStatus, uri: str) -> protocol.FolderStatus:
    """The state of a folder on the wire."""
    return {
        "uri": uri,
        "phase": status.phase.value,
        "filesTotal": status.files_total,
        "filesDone": status.files_done,
        "coverage": coverage(status.coverage),
        "snapshot": status.snapshot,
        "problems": [
            {"path": problem.path, "reason": problem.reason, "detail": problem.detail}
            for problem in status.problems
        ],
        "problemCounts": dict(status.problem_counts),
        "embedded": status.embedded,
        "watching": status.watching,
        "message": status.message,
    }
