"""The wheel holds all that the program needs at run time, and runs from where it is unpacked."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from oasis_search import __version__

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built here, from the tree as it is, without any network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [*PIP, "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def text_of(wheel: Path, ending: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode()


def test_wheel_has_every_file_of_the_packages(names: set[str]) -> None:
    for package, base in (("oasis_search", ROOT / "server"), ("oasis_train", ROOT)):
        files = [
            path for path in (base / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        missing = {path.relative_to(base).as_posix() for path in files} - names
        assert not missing


def test_wheel_has_queries_models_and_the_typing_marks(names: set[str]) -> None:
    assert "oasis_search/py.typed" in names
    assert "oasis_search/syntax/queries/python.scm" in names
    assert "oasis_search/models/static/oasis.json" in names


def test_wheel_has_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert tops == {"oasis_search", "oasis_train", f"oasis_code_search-{__version__}.dist-info"}
    assert not [name for name in names if name.endswith((".pyc", ".orig", ".log"))]


def test_wheel_is_pure_and_names_commands_and_licence(wheel: Path, names: set[str]) -> None:
    assert wheel.name == f"oasis_code_search-{__version__}-py3-none-any.whl"
    assert text_of(wheel, "entry_points.txt").split("\n")[:3] == [
        "[console_scripts]",
        "oasis = oasis_search.cli:main",
        "oasis-train = oasis_train.cli:main",
    ]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_base_install_asks_for_no_torch(wheel: Path) -> None:
    metadata = text_of(wheel, "METADATA")
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert [line for line in required if "extra ==" not in line]
    assert not [
        line for line in required if "extra ==" not in line and ("torch" in line or "transformers" in line)
    ]


def test_unpacked_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    subprocess.run(
        [*PIP, "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), wheel], check=True
    )
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "a.py").write_text(
        "def sum_of_squares(xs):\n    return sum(x * x for x in xs)\n"
    )
    # The path is put first by hand, so that this copy runs and not the one that the tests import.
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from oasis_search.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-P", "-c", program, str(target)]
    environment = {**os.environ, "OASIS_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(target)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)

    assert run("--version").stdout == f"oasis {__version__}\n"
    assert str(target) in run("doctor", str(tmp_path)).stdout
    found = run("search", "sum_of_squares", str(tmp_path / "workspace"))
    assert found.returncode == 0, found.stderr
    assert "a.py:1" in found.stdout
