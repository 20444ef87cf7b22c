"""Files that appear whole or not at all, so that a kill leaves nothing that looks finished."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oasis_train.errors import DataError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write; it becomes `path` when the block ends, and is removed when the block fails.

    On disk before it has its name. Raises DataError when there is no room or no permission.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error}). Make room there; finished work is kept."
        ) from error
    finally:
        with suppress(OSError):  # not there, or where nothing can be
            part.unlink()
