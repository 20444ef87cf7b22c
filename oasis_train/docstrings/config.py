"""How docstrings are made; checked when it is made."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oasis_train.chat import ChatConfig
from oasis_train.docstrings.prompt import OWN_PROMPT, load_prompt
from oasis_train.docstrings.replies import FIELDS
from oasis_train.errors import RecipeError

SOURCES = ("llm", "human", "llm-or-human")


@dataclass(frozen=True, slots=True)
class DocstringConfig:
    """What describes the functions. The paper publishes that an LLM sees callers and callees, no numbers."""

    source: str = "llm"
    """`llm`; `human`: the authors' documentation; `llm-or-human`: theirs where the model failed."""
    chat: ChatConfig = field(default_factory=ChatConfig)
    """The model; not needed for `human`."""
    prompt: Path | None = None
    """TOML file with other words than those of docstrings/prompt.toml."""
    neighbours: int = 3
    """Callers shown at most, and as many callees. Not published."""
    prompt_chars: int = 8_000
    """Characters of code in a prompt; longer code is shortened. Not published."""
    force_json: bool = False
    """Have the server hold replies to JSON (`response_format`), where it can."""
    fields: tuple[str, ...] = FIELDS
    """Fields of a reply that are joined to the docstring, in this order. Not published."""
    max_chars: int = 1_500
    """Of a docstring; whole sentences are kept."""
    limit: int = 0
    """Functions described at most, a sample of all repositories by hash; 0 describes all."""

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that cannot be honoured."""
        if self.source not in SOURCES:
            raise RecipeError(f"The docstrings' source is {self.source!r}; give {', '.join(SOURCES)}.")
        if not self.fields or len(set(self.fields)) < len(self.fields) or not set(self.fields) <= set(FIELDS):
            raise RecipeError(
                f"The docstrings' fields are {', '.join(self.fields) or 'none'}; give some of "
                f"{', '.join(FIELDS)}, each once."
            )
        for name, bound in (("neighbours", 0), ("prompt_chars", 200), ("max_chars", 40), ("limit", 0)):
            if getattr(self, name) < bound:
                raise RecipeError(f"The docstrings' {name} is {getattr(self, name)}; give {bound} or more.")

    @property
    def uses_llm(self) -> bool:
        """Whether a model is asked."""
        return self.source != "human"

    def decisive_facts(self) -> dict[str, Any]:
        """What of this can change a docstring; for the key of the stage."""
        facts: dict[str, Any] = {"source": self.source, "max_chars": self.max_chars, "limit": self.limit}
        if self.uses_llm:
            texts = load_prompt(self.prompt or OWN_PROMPT)
            facts |= {
                "chat": self.chat.decisive_facts(),
                "prompt": {"version": texts.version, "digest": texts.digest},
                "neighbours": self.neighbours,
                "prompt_chars": self.prompt_chars,
                "force_json": self.force_json,
                "fields": list(self.fields),
            }
        return facts
