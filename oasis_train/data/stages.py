"""A stage of a run: a folder of files and the manifest that says what they were made from.

A stage is up to date when its manifest names the same configuration, the same inputs (by hash) and files that
are still there; then it is skipped. While a stage works, its finished pieces lie in `partial/`, which belongs
to one configuration and one set of inputs: a stage that was killed and is started again goes on from there,
and one whose configuration changed starts anew. The manifest is written last.
"""

import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oasis_train.errors import DataError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = 1
MANIFEST_NAME = "stage.json"
PARTIAL_NAME = "partial"
PARTIAL_KEY = ".key"
COMPLETE_NAME = "complete"
PACKAGES = ("oasis-code-search", "numpy", "torch", "transformers", "tokenizers", "scikit-learn", "pyarrow")
"""Packages whose version may change what a stage writes; recorded, but no reason to do a stage again."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage is to do: its name, what decides its outcome, and what it reads."""

    name: str
    config: Mapping[str, Any]
    """Everything of the recipe that decides the outcome, as JSON values."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Name -> hash of what it reads: `StageFolder.digest` of an earlier stage, `file_digest` of a file."""

    @property
    def key(self) -> str:
        """Hash of name, configuration and inputs."""
        facts = json.dumps([FORMAT, self.name, self.config, self.inputs], sort_keys=True, default=str)
        return hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()


class StageFolder:
    """The folder of one stage."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist yet."""
        self.path = path

    @property
    def digest(self) -> str:
        """Hash of what the finished stage left; raises DataError when it is not finished."""
        outputs = self.manifest()["outputs"]
        return hashlib.blake2b(json.dumps(outputs, sort_keys=True).encode(), digest_size=16).hexdigest()

    def manifest(self) -> dict[str, Any]:
        """The manifest; raises DataError when the stage is not finished."""
        try:
            facts: dict[str, Any] = json.loads((self.path / MANIFEST_NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{self.path} holds no finished stage. Run that stage first.") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path / MANIFEST_NAME} cannot be read ({error}). Delete it.") from error
        return facts

    def is_current(self, stage: Stage) -> bool:
        """Whether the stage is finished with this configuration and these inputs."""
        try:
            facts = self.manifest()
        except DataError:
            return False
        files = facts.get("outputs", {})
        return facts.get("key") == stage.key and all((self.path / name).is_file() for name in files)

    def run(self, stage: Stage, work: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
        """Do the stage unless it is up to date; returns its manifest.

        `work` gets the folder for its pieces, which it may find partly filled by a run that was killed, and
        leaves there exactly the files (also in sub-folders) that the stage is to hold; what it returns
        becomes the manifest's `facts`. An earlier outcome stays in place until the new one is complete.
        """
        self._settle()
        if self.is_current(stage):
            return self.manifest()
        partial = self._partial(stage)
        facts = dict(work(partial))
        names = sorted(p.relative_to(partial).as_posix() for p in partial.rglob("*") if p.is_file())
        names.remove(PARTIAL_KEY)
        manifest = {
            "format": FORMAT,
            "stage": stage.name,
            "key": stage.key,
            "config": dict(stage.config),
            "inputs": dict(stage.inputs),
            "outputs": {name: file_digest(partial / name) for name in names},
            "versions": package_versions(),
            "facts": facts,
        }
        text = json.dumps(manifest, indent=1, default=str) + "\n"
        try:
            (partial / MANIFEST_NAME).write_text(text, encoding="utf-8")
            partial.rename(self.path / COMPLETE_NAME)
        except OSError as error:
            raise DataError(f"{self.path} cannot be written ({error}). Make room; run it again.") from error
        self._settle()
        return self.manifest()

    def _partial(self, stage: Stage) -> Path:
        partial = self.path / PARTIAL_NAME
        key = partial / PARTIAL_KEY
        try:
            if not key.is_file() or key.read_text(encoding="ascii") != stage.key:
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                key.write_text(stage.key, encoding="ascii")
        except OSError as error:
            raise DataError(f"{partial} cannot be written ({error}).") from error
        return partial

    def _settle(self) -> None:
        """Move complete files into place, the manifest last; after a kill the next start goes on with it."""
        complete = self.path / COMPLETE_NAME
        if not complete.is_dir():
            return
        try:
            if (complete / MANIFEST_NAME).is_file():
                facts = json.loads((complete / MANIFEST_NAME).read_text(encoding="utf-8"))
                old = self.manifest()["outputs"] if (self.path / MANIFEST_NAME).is_file() else {}
                for name in sorted(set(old) - set(facts["outputs"])):
                    (self.path / name).unlink(missing_ok=True)
                (self.path / MANIFEST_NAME).unlink(missing_ok=True)
                for name in facts["outputs"]:
                    if (complete / name).is_file():
                        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                        (complete / name).replace(self.path / name)
                (complete / MANIFEST_NAME).replace(self.path / MANIFEST_NAME)
            shutil.rmtree(complete)
        except OSError as error:
            raise DataError(f"{self.path} cannot be written ({error}). Make room; run it again.") from error


def file_digest(path: Path) -> str:
    """Hash of a file's bytes, 32 hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def files_digest(paths: Iterable[Path]) -> str:
    """Hash of the names and bytes of those files that exist, 32 hex digits; where they lie does not count."""
    digests = [f"{path.name} {file_digest(path)}" for path in paths if path.is_file()]
    return hashlib.blake2b("\n".join(digests).encode(), digest_size=16).hexdigest()


def package_versions() -> dict[str, str]:
    """Versions that may matter to whoever repeats a run."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def config_facts(config: "DataclassInstance") -> dict[str, Any]:
    """A configuration dataclass as JSON values, paths as text."""
    facts: dict[str, Any] = json.loads(json.dumps(asdict(config), default=str, sort_keys=True))
    return facts
