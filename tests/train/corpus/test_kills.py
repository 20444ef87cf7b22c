"""A corpus that is killed at any moment and started again ends with the same bytes."""

import subprocess
import sys
from pathlib import Path

import pytest

from oasis_train.data import file_digest

SCRIPT = """
import os, random, signal, sys, threading
from pathlib import Path
from oasis_train.corpus import build
from oasis_train.corpus.config import CorpusConfig

build.ROWS_PER_SHARD = 20
source, folder, pick = Path(sys.argv[1]), Path(sys.argv[2]), random.Random(int(sys.argv[3]))

def run(out, moment=None):  # in a process of its own, which is killed soon after it reported so often
    if (child := os.fork()) == 0:
        seen = []
        def progress(*said):
            seen.append(said)
            if len(seen) == moment:
                threading.Timer(pick.random() * 0.02, os.kill, (os.getpid(), signal.SIGKILL)).start()
        build.build_corpus(CorpusConfig(collections=(source,)), folder / out, progress=progress)
        (folder / f"{out}.reports").write_text(str(len(seen)))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

assert run("whole") == 0
n_reports = int((folder / "whole.reports").read_text())
moments = sorted(pick.sample(range(2, n_reports), 12))
print(*(run("killed", moment) for moment in moments))
assert run("killed") == 0
"""
N_REPOSITORIES = 24


def digests(out: Path) -> dict[str, str]:
    files = (path for path in out.rglob("*") if path.is_file() and path.name != "stage.json")
    return {path.relative_to(out).as_posix(): file_digest(path) for path in files}


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_kills_at_random_moments_leave_no_trace(tmp_path: Path) -> None:
    source = tmp_path / "sources"
    for number in range(N_REPOSITORIES):
        (source / f"r{number:02d}").mkdir(parents=True)
        text = "".join(
            f"def f{n}(path, r{number}):\n    return g{n}(path, r{number}) + f{n + 1}(path, a{n}, b{n})\n\n"
            for n in range(8)
        )
        (source / f"r{number:02d}" / "a.py").write_text(text)
    command = [sys.executable, "-c", SCRIPT, str(source), str(tmp_path), "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split().count("-9") >= 4
    assert len(list((tmp_path / "whole" / "functions").iterdir())) > 4
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")
