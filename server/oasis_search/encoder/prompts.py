"""Which prompt goes before a question and which before code, from a sentence-transformers folder.

The stored prompts have names of the author's choice; here they become roles. A prompt is found by the role,
whatever `default_prompt_name` says: a null default must not drop the query prompt, which is the commonest
misuse of OASIS. A text gets its prompt by plain concatenation, byte for byte.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from oasis_search.encoder.json_files import read_object
from oasis_search.encoder.protocol import Role
from oasis_search.errors import ModelFolderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONFIG_NAME = "config_sentence_transformers.json"

PROMPT_NAMES: Mapping[Role, tuple[str, ...]] = {
    "query": ("query", "code_query", "search_query", "nl2code_query", "retrieval.query", "question"),
    "code": (
        "code",
        "document",
        "passage",
        "corpus",
        "search_document",
        "nl2code_document",
        "retrieval.passage",
    ),
}
"""Names of prompts by role, the best first."""


def read_prompts(folder: Path) -> dict[Role, str]:
    """The prompt of each role, "" where the folder stores none."""
    path = folder / CONFIG_NAME
    facts = read_object(path, optional=True)
    stored = facts.get("prompts") or {}
    if not isinstance(stored, dict) or not all(isinstance(text, str | None) for text in stored.values()):
        raise ModelFolderError(f'{path}: "prompts" must map names to texts. Download the folder again.')
    default = facts.get("default_prompt_name")
    if default is not None and default not in stored:
        raise ModelFolderError(
            f'{path}: "default_prompt_name" is {default!r}, which "prompts" does not have. '
            "Set it to null or to one of the prompts."
        )
    return {"query": _choose("query", stored, default), "code": _choose("code", stored, default)}


def prompt_length(tokenizer: "Tokenizer", prompt: str, *, included: bool) -> int:
    """Leading tokens of a text with `prompt` that are not pooled; none where the model pools its prompts."""
    if included or not prompt:
        return 0
    encoding = tokenizer.encode(prompt)
    ends_special = bool(encoding.special_tokens_mask) and encoding.special_tokens_mask[-1] == 1
    return len(encoding.ids) - int(ends_special)


def _choose(role: Role, stored: Mapping[str, str | None], default: str | None) -> str:
    for name in PROMPT_NAMES[role]:
        if name in stored:
            return stored[name] or ""
    other_role: Role = "code" if role == "query" else "query"
    if default is not None and default not in PROMPT_NAMES[other_role]:
        return stored[default] or ""
    return ""
