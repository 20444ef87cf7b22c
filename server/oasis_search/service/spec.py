"""Values that client and process agree on: which encoder, what it turned out to be, how the process is.

An `EncoderSpec` with everything around it that could change a vector (version, installation, machine, the
model's files, variables of the environment) has an identity; equal identity means one shared process.
"""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from oasis_search.encoder.load import shipped_models
from oasis_search.errors import EncoderError
from oasis_search.service.budget import choose_threads
from oasis_search.service.wire import WIRE_FORMAT
from oasis_search.version import __version__

DEFAULT_LOADER = "oasis_search.service.loading:load_encoder"

Phase = Literal["idle", "starting", "loading", "ready", "restarting", "failed"]
"""`idle`: no process, it starts with the next call. `failed`: given up; the message says why."""

VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "HF_ENDPOINT",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "PYTHONPATH",
)
"""Two editors that differ in one of these do not share a process."""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Which encoder a process holds, and how it lives."""

    model: str
    """A shipped model's name, a model folder, or whatever else `oasis_search.encoder.load` takes."""
    threads: int = 0
    """Cores it may use; 0 chooses a quarter of them, at least 2 and at most 8."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Keyword arguments of the loader that JSON can carry; a key's value never stands here, only the name
    of its variable (`key_variable`)."""
    idle_s: float = 600.0
    """Seconds without a call after which the process ends and gives back all of its memory; 0 for never."""
    linger_s: float = 5.0
    """Seconds for which the process outlives its last client."""
    loader: str = DEFAULT_LOADER
    """`module:function` that makes the encoder from this value."""

    def resolved(self) -> "EncoderSpec":
        """The same without reference to this process' working folder and with the threads decided.

        Raises EncoderError when an option cannot be written as JSON.
        """
        model = self.model
        if model not in shipped_models() and Path(model).is_dir():
            model = str(Path(model).absolute())
        try:
            options = json.loads(json.dumps(dict(self.options)))
        except (TypeError, ValueError) as error:
            raise EncoderError(
                f"An option of the encoder {self.model!r} is not plain data: {error}."
            ) from None
        return replace(
            self,
            model=model,
            threads=choose_threads(self.threads),
            options=options,
            idle_s=float(self.idle_s),
            linger_s=float(self.linger_s),
        )

    def to_json(self) -> str:
        """One line that `from_json` reads."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "EncoderSpec":
        """The value that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Description:
    """What the process has loaded."""

    name: str
    fingerprint: str
    """Of all vectors that the client gives; it never changes in the life of a client."""
    dim: int
    place: str
    """Where it computes, in one phrase for people."""
    kind: str


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How the process is, for the status; never needed for correctness."""

    phase: Phase = "idle"
    pid: int | None = None
    message: str = ""
    """A sentence when something is wrong."""
    restarts: int = 0
    """Processes that ended without being asked to since the client was made."""


def identity(spec: EncoderSpec) -> str:
    """24 hexadecimal digits; processes with an equal one are interchangeable. `spec` must be resolved."""
    names = list(VARIABLES)
    names.extend(_key_variables(spec.options))
    facts = [
        WIRE_FORMAT,
        __version__,
        sys.version,
        sys.prefix,
        platform.node(),
        spec.to_json(),
        _files_of(shipped_models().get(spec.model) or Path(spec.model)),
        [os.environ.get(name) for name in names],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _key_variables(options: Mapping[str, object]) -> list[str]:
    """Names of the variables that hold a key, by options at any depth."""
    names = []
    for name, value in options.items():
        if name == "key_variable" and isinstance(value, str):
            names.append(value)
        elif isinstance(value, dict):
            names.extend(_key_variables(value))
    return names


def _files_of(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of the files of a model folder: a model trained anew gets a process of its own."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
        return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    except OSError:
        return []
