"""From a name or a folder to an encoder."""

from importlib.resources import files
from pathlib import Path

from oasis_search.encoder.folder import MANIFEST_NAME, read_manifest
from oasis_search.encoder.protocol import Encoder
from oasis_search.encoder.static import load_static
from oasis_search.errors import ModelFolderError


def shipped_models() -> dict[str, Path]:
    """Name -> folder of the models inside the package."""
    root = Path(str(files("oasis_search"))) / "models"
    if not root.is_dir():
        return {}
    return {path.name: path for path in sorted(root.iterdir()) if (path / MANIFEST_NAME).is_file()}


def load(name_or_folder: str | Path) -> Encoder:
    """The encoder of a shipped model by name, else of the model folder at this path.

    Raises ModelFolderError when there is neither, or when the folder cannot be honoured.
    """
    shipped = shipped_models()
    folder = shipped.get(str(name_or_folder)) or Path(name_or_folder)
    if not folder.is_dir():
        raise ModelFolderError(
            f"There is no model {str(name_or_folder)!r}: it is no folder, and the package ships "
            f"{', '.join(shipped) or 'none'}."
        )
    kind = read_manifest(folder).kind
    if kind != "static":
        raise ModelFolderError(f"{folder} holds a model of kind {kind!r}; this version loads only static.")
    return load_static(folder)
