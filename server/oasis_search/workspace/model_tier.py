"""One chosen model above the first tier: its process, what it turned out to be, and recent questions.

Used from the threads that search and from the one that upgrades. Whatever goes wrong with the model, a search
gets None and goes on without it.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from oasis_search.encoder.load import ENDPOINT, kind_of
from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.errors import EncoderError
from oasis_search.search.tiers import QueryVector
from oasis_search.service import Description, EncoderClient, EncoderSpec, EncoderUnavailable, ServiceState
from oasis_search.settings import Settings
from oasis_search.workspace.status import ModelStatus

log = logging.getLogger(__name__)

REMEMBERED = 256
"""Questions whose vectors are kept: as-you-type search and paging ask the same again."""


def first_tier_of(settings: Settings) -> str:
    """The model whose vectors every file enters the index with: the chosen one if it is a table."""
    return settings.search.model if kind_of(settings.search.model) == "static" else "static"


def spec_of(settings: Settings) -> EncoderSpec | None:
    """The chosen model as its process knows it; None when the first tier is all that was chosen."""
    chosen, encoder = settings.search.model, settings.encoder
    kind = kind_of(chosen)
    if kind == "static":
        return None
    options: dict[str, object] = {}
    if chosen == ENDPOINT:
        endpoint = settings.endpoint
        options["endpoint"] = {name: getattr(endpoint, name) for name in endpoint.__dataclass_fields__}
    elif kind == "transformer":
        options |= {"device": encoder.device, "dimensions": encoder.dimensions}
    # The process of an endpoint holds no model, but counts the tokens of the budget.
    idle_s = 0.0 if kind == "endpoint" else 60.0 * encoder.idle_minutes
    return EncoderSpec(chosen, threads=encoder.threads, options=options, idle_s=idle_s)


class ModelTier:
    """A model that covers a growing part of the workspace."""

    def __init__(
        self, spec: EncoderSpec, runtime_dir: Path, on_state: Callable[[ServiceState], None] | None = None
    ) -> None:
        """Starts nothing. Raises EncoderError when the spec is no plain data."""
        self.spec = spec
        self.description: Description | None = None
        self.problem = ""
        """A sentence while the model cannot be used."""
        self._client = EncoderClient(spec, runtime_dir, on_state=on_state)
        self._questions: OrderedDict[tuple[Role, str], QueryVector] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What people call it: what was chosen, until the model says its own name."""
        return self.description.name if self.description else self.spec.model

    @property
    def fingerprint(self) -> str | None:
        """Of its vectors; None before it was loaded once."""
        return self.description.fingerprint if self.description else None

    @property
    def status(self) -> ModelStatus:
        """For people."""
        state, known = self._client.state, self.description
        return ModelStatus(
            name=self.name,
            phase=state.phase,
            place=known.place if known else "",
            dim=known.dim if known else 0,
            process=state.pid,
            restarts=state.restarts,
            message=self.problem or state.message,
        )

    def describe(self, timeout_s: float | None = None) -> Description:
        """Loads the model if needed; raises EncoderError, which `problem` remembers."""
        try:
            self.description = self._client.describe(timeout_s)
        except EncoderUnavailable:
            raise
        except EncoderError as error:
            self.problem = str(error)
            raise
        self.problem = ""
        return self.description

    def encode(self, texts: Sequence[str], cancelled: Callable[[], bool]) -> Vectors:
        """(n, dim) vectors of code, behind every question."""
        return self._client.encode(texts, "code", cancelled=cancelled)

    def query_vector(
        self, text: str, patience_s: float, cancelled: Callable[[], bool], role: Role = "query"
    ) -> QueryVector | None:
        """The question (or code) as the model sees it; None when it is not there within `patience_s`.

        Raises Cancelled.
        """
        with self._lock:
            known = self._questions.get((role, text))
            if known is not None:
                self._questions.move_to_end((role, text))
                return known
        if self.description is None or self.problem:
            return None
        try:
            vectors = self._client.encode(
                [text], role, urgent=True, timeout_s=patience_s, cancelled=cancelled
            )
        except EncoderError as error:
            log.info("%s does not answer a question: %s", self.name, error)
            return None
        if not vectors[0].any():
            return None
        found = QueryVector(self.name, self.description.fingerprint, vectors[0])
        with self._lock:
            self._questions[role, text] = found
            while len(self._questions) > REMEMBERED:
                self._questions.popitem(last=False)
        return found

    def close(self) -> None:
        """Lets go of the process, which ends when nobody else holds it."""
        self._client.close()
