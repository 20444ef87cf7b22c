"""Answers as read-only documents: `workspace/textDocumentContent` of LSP 3.18, where the client has it.

A list of hits that can be read, searched and kept open, for clients that know nothing of ours.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from lsprotocol import types

from oasis_search.errors import SettingError
from oasis_search.lsp import protocol
from oasis_search.lsp.convert import local_path
from oasis_search.syntax.units import qualified_name

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer

KEPT = 32
"""Answers that can still be opened; older ones are forgotten."""

NAME_CHARS = 60
"""Of a title that stand in the document's name, which editors show on its tab."""


class Results:
    """The documents of this session."""

    def __init__(self, server: "OasisServer") -> None:
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._n_kept = 0
        server.on_request(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, self._content)

    def keep(self, title: str, hits: Sequence[protocol.SearchHit]) -> str:
        """URI of a new document that lists `hits` in their order."""
        self._n_kept += 1
        name = quote(title[:NAME_CHARS].replace("/", " ").strip() or "answer")
        uri = f"{protocol.RESULTS_SCHEME}:/{self._n_kept}/{name}.md"
        self._texts[uri] = as_text(title, hits)
        while len(self._texts) > KEPT:
            self._texts.popitem(last=False)
        return uri

    async def _content(self, params: types.TextDocumentContentParams) -> types.TextDocumentContentResult:
        text = self._texts.get(params.uri)
        if text is None:
            raise SettingError(f"{params.uri} is no answer of this session, or an old one. Ask again.")
        return types.TextDocumentContentResult(text)


def as_text(title: str, hits: Sequence[protocol.SearchHit]) -> str:
    """Markdown: per hit how near it is, what it is, where it stands, how it begins."""
    parts = [f"# {title}\n"]
    for number, hit in enumerate(hits, start=1):
        path = local_path(hit["uri"])
        place = f"{path or hit['uri']}:{hit['selectionRange']['start']['line'] + 1}"
        name = qualified_name(hit["name"], hit.get("containerName", ""))
        weight = str(hit.get("level") or f"{hit['probability']:.0%}")
        fence = "`" * (3 + ("```" in hit["preview"]))
        code = f"{fence}{hit['language']}\n{hit['preview'].rstrip()}\n{fence}"
        parts.append(f"## {number}. {name}  ({weight})\n\n<{place}>\n\n{code}\n")
    return "\n".join(parts)
