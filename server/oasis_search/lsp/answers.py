"""From the engine's values to the protocol's shapes."""

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from oasis_search.lsp import protocol
from oasis_search.lsp.convert import range_of
from oasis_search.workspace.duplication import DuplicateGroup
from oasis_search.workspace.status import (
    Coverage,
    FolderStatus,
    FoundHit,
    ModelStatus,
    SearchAnswer,
    SimilarAnswer,
    SimilarHit,
)


class Presenter:
    """Knows how this client names files and counts columns."""

    def __init__(self, uri_of: Callable[[Path, str], str], encoding: protocol.Encoding) -> None:
        self._uri_of = uri_of
        self._encoding = encoding

    def search_result(self, answer: SearchAnswer) -> protocol.SearchResult:
        """The answer on the wire, in the engine's order."""
        result: protocol.SearchResult = {
            "hits": [self.hit(found) for found in answer.hits],
            "coverage": coverage(answer.coverage),
            "model": answer.model,
            "elapsedMs": round(answer.elapsed_ms, 3),
            "snapshot": answer.snapshot,
        }
        if answer.message:
            result["message"] = answer.message
        return result

    def similar_result(self, answer: SimilarAnswer) -> protocol.SimilarResult:
        """The answer on the wire, in the engine's order."""

        def hits(found: tuple[SimilarHit, ...]) -> list[protocol.SimilarHit]:
            return [{**self.hit(hit.found), "level": hit.level} for hit in found]

        result: protocol.SimilarResult = {
            "hits": hits(answer.hits),
            "copies": hits(answer.copies),
            "origin": answer.origin,
            "coverage": coverage(answer.coverage),
            "model": answer.model,
            "elapsedMs": round(answer.elapsed_ms, 3),
            "snapshot": answer.snapshot,
        }
        if answer.message:
            result["message"] = answer.message
        return result

    def duplicate_group(self, group: DuplicateGroup, found: Iterable[FoundHit]) -> protocol.DuplicateGroup:
        """A group on the wire with its verified members."""
        return {
            "level": group.level,
            "lines": group.worth,
            "members": [self.hit(member) for member in found],
        }

    def hit(self, found: FoundHit) -> protocol.SearchHit:
        """One hit on the wire."""
        hit = found.hit
        wire: protocol.SearchHit = {
            "uri": self._uri_of(found.root, hit.path),
            "range": range_of(found.text_utf8, hit.span, self._encoding),
            "selectionRange": range_of(found.text_utf8, hit.name_span, self._encoding),
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


def model_status(status: ModelStatus) -> protocol.ModelStatus:
    """The state of the chosen model on the wire."""
    return {
        "name": status.name,
        "phase": status.phase,
        "place": status.place,
        "dim": status.dim,
        "process": status.process or 0,
        "restarts": status.restarts,
        "message": status.message,
    }
