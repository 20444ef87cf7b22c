"""From the name of a model to a folder on this machine, through the cache of huggingface_hub.

Nothing is asked of the network unless `download` is given, and then only for the files that a model is read
from: never Python files, never pickled weights. No answer of the hub ever starts code of a model's author.
"""

import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TypeVar

from oasis_search.encoder.layout import read_layout
from oasis_search.encoder.modules import MODULES_NAME
from oasis_search.encoder.tokenizer import TOKENIZER_NAME
from oasis_search.encoder.weights import read_weights
from oasis_search.errors import EncoderError, ModelFolderError

_Answer = TypeVar("_Answer")

ALIASES: Mapping[str, str] = {
    "oasis-1.5b": "Kwaipilot/OASIS-code-embedding-1.5B",
    "oasis-1.3b": "Kwaipilot/OASIS-code-1.3B",
}
"""Short names of the released OASIS models."""

SMALL_FILES = ("*.json", "*.txt")
WEIGHT_FILES = ("*.safetensors",)
"""What is downloaded of a model, and nothing else."""

ANSWER_S = 8.0
"""How long the hub may take for its first answer before it counts as unreachable."""

_BY_HAND = (
    "Or download the model on another machine and give the path of its folder, or set HF_ENDPOINT to a "
    "mirror of the hub that can be reached."
)

PACKAGE = "package:"
"""Before the name of an installed Python package that carries a model as data."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def is_short_name(name: str) -> bool:
    """Whether this names a model whatever folders there are: an alias, or `package:NAME`."""
    return name.lower() in ALIASES or name.startswith(PACKAGE)


def locate(name: str, *, download: bool = False) -> Path:
    """The folder of the model `name`: an alias, `owner/name` on the hub, `package:NAME`, or a path.

    Looks into the hub's cache only, unless `download` is true. Raises EncoderError, with the command or the
    setting that helps, when the model is not there.
    """
    if name.startswith(PACKAGE):
        return _in_package(name.removeprefix(PACKAGE))
    repository = ALIASES.get(name.lower(), name)
    if repository is name and name and Path(name).is_dir():
        return Path(name)
    if not _HUB_NAME.fullmatch(repository):
        raise EncoderError(
            f"There is no model {name!r}: it is no folder, no name on the hub (owner/name) and none of "
            f"{', '.join(ALIASES)}."
        )
    folder = _cached(repository)
    if folder is not None and (not download or _is_whole(folder)):
        return folder
    if not download:
        raise EncoderError(
            f'{repository} is not on this machine. Run "oasis models use {name}" to download it, or give the '
            "path of a folder that holds it."
        )
    return _download(repository)


def _in_package(name: str) -> Path:
    """The folder of the model that an installed package carries; none of its code is run."""
    spec = find_spec(name) if name.isidentifier() else None
    roots = [Path(root) for root in (spec.submodule_search_locations or ())] if spec else []
    found = [path.parent for root in roots for path in sorted(root.glob("**/config.json"))]
    if not found:
        raise EncoderError(
            f"There is no installed Python package {name!r} that carries a model (with a config.json). "
            "Install it into the environment of OASIS, or give the path of a model folder."
        )
    return min(found, key=lambda folder: len(folder.parts))


def model_name(folder: Path) -> str:
    """`owner/name` for a folder in the hub's cache, else the folder's own name."""
    holder = folder.resolve().parent
    if holder.name == "snapshots" and holder.parent.name.startswith("models--"):
        return holder.parent.name.removeprefix("models--").replace("--", "/")
    return folder.resolve().name


def _cached(repository: str) -> Path | None:
    """The snapshot in the hub's cache, whole or not: what it lacks is said when it is loaded."""
    from huggingface_hub import try_to_load_from_cache

    for name in (MODULES_NAME, "config.json"):
        path = try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return Path(path).parent
    return None


def _is_whole(folder: Path) -> bool:
    try:
        transformer = read_layout(folder).transformer
        read_weights(transformer)
    except ModelFolderError:
        return False
    return (transformer / TOKENIZER_NAME).is_file()


def _download(repository: str) -> Path:
    """Small files first, so that a model that cannot be honoured is refused before its weights come."""
    from huggingface_hub import snapshot_download

    _ask_hub(repository)
    try:
        read_layout(Path(snapshot_download(repository, allow_patterns=list(SMALL_FILES))))
        return Path(snapshot_download(repository, allow_patterns=[*SMALL_FILES, *WEIGHT_FILES]))
    except ModelFolderError:
        raise
    except Exception as error:  # the hub's libraries share no base class
        raise EncoderError(
            f"{repository} could not be downloaded ({_first_line(error)}). Run the same command again: what "
            f"has come stays in the cache. {_BY_HAND}"
        ) from error


def _ask_hub(repository: str) -> None:
    """Raise EncoderError within seconds unless the hub answers and has the model with usable weights."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if constants.is_offline_mode():
        raise EncoderError(
            f"{repository} is not in the cache, and HF_HUB_OFFLINE forbids downloading it. Unset that "
            "variable, or give the path of a folder that holds the model."
        )
    result = _within(ANSWER_S, lambda: HfApi().model_info(repository, timeout=ANSWER_S))
    if isinstance(result, GatedRepoError):
        raise EncoderError(
            f"{constants.ENDPOINT} gives {repository} only to people who accepted its terms. Accept them on "
            "its page and set HF_TOKEN."
        )
    if isinstance(result, RepositoryNotFoundError):
        raise EncoderError(
            f"{constants.ENDPOINT} has no public model {repository}. Check the spelling, or set HF_TOKEN if "
            "it is private."
        )
    if isinstance(result, Exception) or result is None:
        reason = _first_line(result) if result else f"no answer within {ANSWER_S:g} s"
        raise EncoderError(f"{constants.ENDPOINT} cannot be reached ({reason}). {_BY_HAND}")
    names = [file.rfilename for file in result.siblings or ()]
    if not any(name.endswith(".safetensors") for name in names):
        raise EncoderError(
            f"{repository} has no safetensors weights, and pickled ones can run code when they are opened. "
            "Choose another model or another copy of it."
        )


def _within(seconds: float, ask: Callable[[], _Answer]) -> _Answer | Exception | None:
    """What `ask` returns or raises, or None when it takes longer; it is then left to itself.

    A name server that does not answer holds a call far beyond any timeout of the request.
    """
    answers: list[_Answer | Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # handed to the caller
            answers.append(error)

    thread = Thread(target=run, name="oasis-hub", daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
