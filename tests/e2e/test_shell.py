"""What a shell and a person who watches see: completion in the real bash, states line by line."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

OASIS = str(Path(sys.executable).with_name("oasis"))


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "oasis"
    done = subprocess.run([OASIS, "completion", "bash"], capture_output=True, text=True, check=True)
    path.write_text(done.stdout, encoding="utf-8")
    return path


def completed(script: Path, typed: str, folder: Path) -> list[str]:
    """What bash offers at the end of a line."""
    bash = shutil.which("bash")
    assert bash, "bash is missing"
    words = typed.split(" ")
    code = (
        f"source {script}; COMP_WORDS=({' '.join(word or repr('') for word in words)}); "
        f"COMP_CWORD={len(words) - 1}; _shtab_oasis; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run([bash, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout.split()


def test_bash_completes_verbs_options_values_and_folders(script: Path, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    assert completed(script, "oasis se", tmp_path) == ["search", "serve"]
    assert completed(script, "oasis search --expl", tmp_path) == ["--explain"]
    assert completed(script, "oasis search --kind m", tmp_path) == ["method", "module"]
    assert completed(script, "oasis search --lang pyt", tmp_path) == ["python"]
    assert completed(script, "oasis duplicates --level re", tmp_path) == ["renamed"]
    assert completed(script, "oasis index pro", tmp_path) == ["project"]


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_get_a_script_that_names_the_verbs(shell: str) -> None:
    done = subprocess.run([OASIS, "completion", shell], capture_output=True, text=True, check=True)
    assert "duplicates" in done.stdout
    unknown = subprocess.run([OASIS, "completion", "dash"], capture_output=True, text=True, check=False)
    assert unknown.returncode == 2
    assert "bash" in unknown.stderr


def test_watching_tells_of_every_change_until_it_is_interrupted(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "till.py").write_text("def open_till():\n    return 1\n", encoding="utf-8")
    environment = {**os.environ, "OASIS_CACHE_DIR": str(tmp_path / "index")}
    watching = subprocess.Popen(
        [OASIS, "status", str(folder), "--watch", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["state"] == "new"
        subprocess.run([OASIS, "index", str(folder)], env=environment, check=True, capture_output=True)
        state = json.loads(watching.stdout.readline())
        while state["state"] != "ready":  # a look may fall between the store and the file
            state = json.loads(watching.stdout.readline())
        assert state["files_done"] == 1
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=30) == 130
        assert watching.stderr is not None
        assert watching.stderr.read() == ""
    finally:
        watching.kill()
        watching.communicate()
