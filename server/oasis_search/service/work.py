"""The model and the two threads that use it, inside of the encoder process.

One thread loads the model and works on bulk requests, below normal priority; the other answers questions.
They take turns, slice by slice, so the budget of one is that of both. Whatever an encoder raises becomes a
message to the client that asked; a text that makes it raise is found by encoding each one of its slice alone.
"""

import gc
import importlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from oasis_search.encoder.load import ENDPOINT, kind_of
from oasis_search.encoder.protocol import Encoder
from oasis_search.errors import OasisError
from oasis_search.service.budget import (
    BULK_NICE,
    LOADING_NICE,
    lower_started_threads,
    lower_thread_priority,
)
from oasis_search.service.notes import WorkNotes
from oasis_search.service.schedule import Schedule, Slice
from oasis_search.service.spec import Description, EncoderSpec
from oasis_search.service.wire import Link

log = logging.getLogger(__name__)

EXIT_CRASHED = 70
"""Status of a process that gave up by a defect of ours (EX_SOFTWARE)."""


class Workshop:
    """Loads the encoder of a spec and turns jobs of a schedule into answers on their clients' links."""

    def __init__(
        self,
        spec: EncoderSpec,
        schedule: Schedule,
        notes: WorkNotes,
        loaded: Callable[[Description | OasisError], None],
    ) -> None:
        """`loaded` is called once, from a thread of the workshop, with the outcome of loading."""
        self._spec = spec
        self._schedule = schedule
        self._notes = notes
        self._loaded = loaded
        self._is_remote = False
        self._ready: queue.SimpleQueue[Encoder] = queue.SimpleQueue()

    def start(self) -> None:
        """Begins to load; jobs are worked on as soon as that is done.

        Both threads start here: one that the bulk thread started would have its low priority.
        """
        threading.Thread(target=self._load_and_work, name="oasis-encoder-bulk", daemon=True).start()
        threading.Thread(target=self._answer_questions, name="oasis-encoder-questions", daemon=True).start()

    def _load_and_work(self) -> None:
        lower_thread_priority(LOADING_NICE)
        began = time.monotonic()
        log.info("Loading model %s.", self._spec.model)
        try:
            encoder = _load(self._spec)
            kind = kind_of(self._spec.model)
            description = Description(encoder.name, encoder.fingerprint, encoder.dim, encoder.place, kind)
        except OasisError as error:
            log.error("%s", error)
            self._loaded(error)
            return
        except Exception as error:
            log.exception("The model %s cannot be loaded.", self._spec.model)
            self._loaded(
                OasisError(
                    f"The model {self._spec.model} cannot be loaded ({type(error).__name__}: {error}). "
                    "The log of the encoder process has the details."
                )
            )
            return
        self._is_remote = description.kind == ENDPOINT
        if self._is_remote:
            self._schedule.suit_remote(_slice_texts(self._spec))
        lower_started_threads(BULK_NICE)
        gc.collect()
        gc.freeze()  # What a model is made of lives as long as the process.
        log.info("Loaded %s in %.1f s.", description, time.monotonic() - began)
        self._loaded(description)
        self._ready.put(encoder)
        self._work(encoder, False)

    def _answer_questions(self) -> None:
        self._work(self._ready.get(), True)

    def _work(self, encoder: Encoder, urgent: bool) -> None:
        try:
            while (piece := self._schedule.take(urgent=urgent)) is not None:
                began = time.perf_counter()
                again_alone = self._answer(encoder, piece)
                self._schedule.finish(piece, time.perf_counter() - began, again_alone=again_alone)
        except BaseException:  # A process without this thread would be silent for ever: better none.
            log.exception("The encoder process gives up.")
            logging.shutdown()
            os._exit(EXIT_CRASHED)

    def _answer(self, encoder: Encoder, piece: Slice) -> bool:
        """Encodes a slice and says so; whether it must be tried again text by text."""
        job, texts = piece.job, piece.texts
        link = job.client
        assert isinstance(link, Link)
        to: dict[str, object] = {"id": job.number, "rows": piece.rows}
        if len(texts) == 1 and self._notes.is_refused(texts[0]):
            reason = "it ended the encoder process each time that it was encoded."
            link.send({"op": "refused", **to, "reason": reason})
            return False
        if not self._is_remote:  # Two slices may be out then, and no text can end this process.
            self._notes.begin(texts)
        try:
            vectors = np.ascontiguousarray(encoder.encode(texts, job.role), dtype="<f4")
        except OasisError as error:
            self._schedule.drop(link, job.number)
            link.send({"op": "error", **to, "kind": type(error).__name__, "message": str(error)})
        except Exception as error:
            if len(texts) > 1:
                self._passed(texts)
                return True
            log.exception("The encoder fails on a text of %d characters.", len(texts[0]))
            reason = f"the encoder fails on it ({type(error).__name__}: {error})."
            link.send({"op": "refused", **to, "reason": reason})
        else:
            to |= {"shape": list(vectors.shape), "fingerprint": encoder.fingerprint}
            link.send({"op": "vectors", **to}, vectors.tobytes())
        self._passed(texts)
        return False

    def _passed(self, texts: list[str]) -> None:
        if not self._is_remote:
            self._notes.end(texts)


def _load(spec: EncoderSpec) -> Encoder:
    module, _, function = spec.loader.partition(":")
    encoder: Encoder = getattr(importlib.import_module(module), function)(spec)
    return encoder


def _slice_texts(spec: EncoderSpec) -> int:
    """What keeps all connections to an endpoint busy."""
    from oasis_search.encoder.endpoint.options import EndpointOptions

    options = EndpointOptions(**cast(dict[str, Any], spec.options["endpoint"]))
    return options.texts_at_once
