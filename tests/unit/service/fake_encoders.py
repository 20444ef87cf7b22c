"""Encoders for tests of the encoder process: slow, failing, lying and crashing ones.

A process loads them by `EncoderSpec.loader`; options say what they do. Vectors depend on the text alone.
"""

import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.errors import EncoderError, ModelFolderError
from oasis_search.service.spec import EncoderSpec

DIM = 8


def vectors_of(texts: Sequence[str]) -> Vectors:
    """(n, 8): what a sound fake encoder gives."""
    rows = [np.frombuffer(hashlib.blake2b(text.encode()).digest()[:DIM], np.uint8) for text in texts]
    vectors = np.array(rows, dtype=np.float32) + 1
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


class FakeEncoder:
    """Some words in a text decide what happens to it; see `encode`."""

    dim = DIM
    place = "nowhere"

    def __init__(self, spec: EncoderSpec) -> None:
        self.name = str(spec.options.get("name", "fake"))
        self._delay_s = float(str(spec.options.get("delay_s", 0)))
        self._until = Path(str(spec.options.get("until", "")))
        self._record = spec.options.get("record")
        self.fingerprint = str(spec.options.get("fingerprint", "f" * 32))
        source = spec.options.get("fingerprint_file")
        if source:
            self.fingerprint = Path(str(source)).read_text()

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        """(n, 8), after the delay, unless a text asks for something else."""
        if self._record:
            niceness = os.getpriority(os.PRIO_PROCESS, 0)
            with open(str(self._record), "a", encoding="utf-8") as stream:
                stream.write(json.dumps({"role": role, "texts": list(texts), "nice": niceness}) + "\n")
        time.sleep(self._delay_s)
        words = " ".join(texts)
        while "wait" in words and not self._until.exists():
            time.sleep(0.01)
        if "crash" in words:
            os.kill(os.getpid(), signal.SIGKILL)
        if "abort" in words:
            os.abort()
        if "raise" in words:
            raise ValueError("no such text")
        if "memory" in words:
            raise MemoryError
        if "sorry" in words:
            raise EncoderError("http://127.0.0.1:1/v1 is down. Start it.")
        vectors = vectors_of(texts)
        for row, text in enumerate(texts):
            if "nan" in text:
                vectors[row, 3] = np.nan
            if "long" in text:
                vectors[row] *= 1.5
        return vectors[:, :5] if "shape" in words else vectors


def load(spec: EncoderSpec) -> FakeEncoder:
    """A fake, after the time that a model takes; like libraries, it starts a thread of its own."""
    threading.Thread(target=time.sleep, args=(3600,), name="library", daemon=True).start()
    time.sleep(float(str(spec.options.get("load_s", 0))))
    return FakeEncoder(spec)


def refuse(spec: EncoderSpec) -> FakeEncoder:
    """A folder that cannot be honoured, until there is a file `fixed` in it."""
    if (Path(spec.model) / "fixed").exists():
        return FakeEncoder(spec)
    raise ModelFolderError(f"{spec.model} uses pooling 'max'. Choose a model with mean pooling.")


def break_down(spec: EncoderSpec) -> FakeEncoder:
    """A defect in a loader."""
    raise RuntimeError(f"no kernel for {spec.model}")


def die(spec: EncoderSpec) -> FakeEncoder:
    """What a library does that finds the wrong processor."""
    os.write(2, b"FATAL: this machine has no AVX-1024\n")
    os._exit(3)
