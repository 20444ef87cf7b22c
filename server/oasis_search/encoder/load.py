"""From a name or a folder to an encoder."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from oasis_search.encoder.folder import MANIFEST_NAME, read_manifest
from oasis_search.encoder.protocol import Encoder
from oasis_search.encoder.static import load_static
from oasis_search.errors import ModelFolderError, SettingError

ENDPOINT = "endpoint"
"""The name that stands for the server that `endpoint` describes."""

Kind = Literal["static", "onnx", "joined", "transformer", "endpoint"]


def shipped_models() -> dict[str, Path]:
    """Name -> folder of the models inside the package."""
    root = Path(str(files("oasis_search"))) / "models"
    if not root.is_dir():
        return {}
    return {path.name: path for path in sorted(root.iterdir()) if (path / MANIFEST_NAME).is_file()}


def kind_of(name_or_folder: str | Path) -> Kind:
    """What would load this, without loading it or looking further than at one manifest.

    Raises ModelFolderError for a manifest that cannot be honoured.
    """
    if str(name_or_folder) == ENDPOINT:
        return "endpoint"
    if _is_short_name(name_or_folder):
        return "transformer"
    folder = shipped_models().get(str(name_or_folder)) or Path(name_or_folder)
    if not (folder / MANIFEST_NAME).is_file():
        return "transformer"
    match read_manifest(folder).kind:
        case "static":
            return "static"
        case "onnx":
            return "onnx"
        case "joined":
            return "joined"
        case kind:
            raise ModelFolderError(
                f"{folder} holds a model of kind {kind!r}; this version knows static, onnx and joined. "
                "Update oasis-code-search."
            )


def load(
    name_or_folder: str | Path,
    *,
    threads: int = 0,
    device: str = "auto",
    dimensions: int = 0,
    endpoint: Mapping[str, Any] | None = None,
) -> Encoder:
    """The encoder of a shipped model, a folder, a sentence-transformers folder, a hub name or `package:NAME`.

    `threads` 0 leaves the number to the library; `device` and `dimensions` (numbers kept of each vector, 0
    for all) are for transformers; `endpoint` are the `EndpointOptions` of the name `endpoint`. Raises
    EncoderError (ModelFolderError for a folder) when there is none, or when it cannot be honoured. Never
    downloads anything.
    """
    match kind_of(name_or_folder):
        case "static":
            return load_static(shipped_models().get(str(name_or_folder)) or Path(name_or_folder))
        case "onnx":
            from oasis_search.encoder.onnx import load_onnx

            folder = shipped_models().get(str(name_or_folder)) or Path(name_or_folder)
            return load_onnx(folder, threads=threads)
        case "joined":
            from oasis_search.encoder.joined import load_joined

            folder = shipped_models().get(str(name_or_folder)) or Path(name_or_folder)
            return load_joined(folder, threads=threads)
        case "endpoint":
            from oasis_search.cache_folder import cache_folder
            from oasis_search.encoder.endpoint.encoder import connect_endpoint
            from oasis_search.encoder.endpoint.options import EndpointOptions

            if endpoint is None or not endpoint.get("url"):
                raise SettingError(
                    'The model is "endpoint", but no endpoint is set. Set endpoint.url and endpoint.model.'
                )
            return connect_endpoint(EndpointOptions(**endpoint), memory=cache_folder() / "endpoints")
        case "transformer":
            from oasis_search.encoder.hub import ALIASES, locate
            from oasis_search.encoder.transformer import load_transformer

            folder, name = Path(name_or_folder), str(name_or_folder)
            if _is_short_name(name) or not folder.is_dir():
                if "/" not in name and not _is_short_name(name):
                    known = ", ".join((*shipped_models(), *ALIASES, ENDPOINT))
                    raise ModelFolderError(
                        f"There is no model {name!r}: it is no folder and none of {known}. "
                        '"oasis models" lists them.'
                    )
                folder = locate(str(name_or_folder))
            return load_transformer(folder, device=device, threads=threads, truncate_dim=dimensions or None)


def _is_short_name(name: str | Path) -> bool:
    """Whether this is a short name of a released model, which a folder of that name must not shadow."""
    from oasis_search.encoder.hub import is_short_name

    return isinstance(name, str) and is_short_name(name)
