"""The last folders of a run: the trained model where people look for it, and what becomes of it besides.

OUT/model          the trained model
OUT/model-onnx     the same for onnxruntime, when the recipe has `export.onnx`
OUT/model-joined   one of these beside a table, when it has `export.join.table`
OUT/.model-digest  of what each was made

A folder is made again when it is gone or what it is made of has changed. One that the recipe does not ask
for, perhaps because another command line did, stays as long as it is of the same trained model.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from oasis_search.encoder import load
from oasis_train.data import StageFolder, row_id
from oasis_train.data.files import whole_file
from oasis_train.pipeline.run import Run

MARKER_NAME = ".model-digest"

Facts = dict[str, Any]
"""What decides a folder's content, as JSON values; "train" is the digest of the stage."""


def export(run: Run) -> None:
    """Make the folders that are not up to date; raises DataError when nothing is trained yet."""
    marker = run.out / MARKER_NAME
    made, wanted = _read(marker), _wanted(run)
    for name, make in _FOLDERS.items():
        folder, facts = run.out / name, wanted.get(name)
        if facts is None and made.get(name, {}).get("train") == wanted["model"]["train"]:
            continue
        if facts is not None and made.get(name) == facts and folder.is_dir():
            continue
        made.pop(name, None)
        _write(marker, made)
        if facts is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            make(run, folder)
            made[name] = facts
            _write(marker, made)


def _wanted(run: Run) -> dict[str, Facts]:
    """What each folder of the recipe is made of."""
    recipe, settings = run.recipe, run.recipe.export
    source: Facts = {"train": StageFolder(run.folder("train")).digest}
    wanted = {"model": source}
    if settings.onnx:
        source = source | {"name": recipe.name, "onnx": settings.onnx, "code": _code_digest(run)}
        wanted["model-onnx"] = source
    if settings.join.table:
        join = settings.join
        wanted["model-joined"] = source | {
            "name": recipe.name,
            "licence": recipe.licence,
            "table": load(join.table).fingerprint,
            "shares": [join.share, join.code_share],
        }
    return wanted


def _code_digest(run: Run) -> str:
    """Of the code by which 8-bit scales are measured; "" where there is none, or it is Python's own."""
    settings = run.recipe.export
    if settings.onnx != "int8" or settings.calibrate is None:
        return ""
    from oasis_train.onnx.calibration import calibration_texts

    return row_id(*calibration_texts(settings.calibrate))


def _make_model(run: Run, folder: Path) -> None:
    """Whole or not at all."""
    part = run.out / ".model.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(run.folder("train") / "model", part)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _make_onnx(run: Run, folder: Path) -> None:
    from oasis_train.onnx.export import export_onnx

    settings = run.recipe.export
    shutil.rmtree(folder, ignore_errors=True)
    export_onnx(
        run.out / "model",
        folder,
        precision=settings.onnx or "float32",
        name=run.recipe.name,
        calibrate=settings.calibrate,
    )


def _make_joined(run: Run, folder: Path) -> None:
    from oasis_train.pipeline.joining import Part, join_models

    join = run.recipe.export.join
    own = run.out / ("model-onnx" if run.recipe.export.onnx else "model")
    of_code = join.code_share or join.share
    join_models(
        [
            Part(str(own), 1 - join.share, 1 - of_code, name="transformer"),
            Part(join.table, join.share, of_code, name="table"),
        ],
        folder,
        name=run.recipe.name,
        licence=run.recipe.licence,
    )


_FOLDERS: Mapping[str, Callable[[Run, Path], None]] = {
    "model": _make_model,
    "model-onnx": _make_onnx,
    "model-joined": _make_joined,
}
"""Each is made of those before it."""


def _read(marker: Path) -> dict[str, Facts]:
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(marker: Path, made: Mapping[str, Facts]) -> None:
    with whole_file(marker) as part:
        part.write_text(json.dumps(made), encoding="utf-8")
