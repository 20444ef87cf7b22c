from collections.abc import Callable, Mapping

import numpy as np
import pytest

from oasis_search.errors import SettingError
from oasis_search.index import Snapshot
from oasis_search.search import Filter
from oasis_search.search.filters import allowed_units

Build = Callable[[Mapping[str, str]], Snapshot]

CODE = "class Jar:\n    def send(self):\n        return 1\n"


@pytest.fixture
def snapshot(build: Build) -> Snapshot:
    return build(
        {
            "src/jar.py": CODE,
            "src/deep/send.py": CODE,
            "tests/jar_test.py": CODE,
            "src/jar.js": "function send() {\n  return 1\n}\n",
            "README.md": "send the jar\n",
        }
    )


def allowed_paths(snapshot: Snapshot, restriction: Filter) -> set[str]:
    allowed = allowed_units(snapshot, restriction)
    assert allowed is not None
    return {snapshot.view(unit).path for unit in np.flatnonzero(allowed).tolist()}


def test_empty_filter_restricts_nothing(snapshot: Snapshot) -> None:
    assert allowed_units(snapshot, Filter()) is None


def test_languages_restrict(snapshot: Snapshot) -> None:
    assert allowed_paths(snapshot, Filter(languages=frozenset({"javascript"}))) == {"src/jar.js"}
    assert allowed_paths(snapshot, Filter(languages=frozenset({"cobol"}))) == set()


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (("src/",), {"src/jar.py", "src/deep/send.py", "src/jar.js"}),
        (("*.py",), {"src/jar.py", "src/deep/send.py", "tests/jar_test.py"}),
        (("/src/*.py",), {"src/jar.py"}),
        (("*.py", "!tests/"), {"src/jar.py", "src/deep/send.py"}),
        (("!*.py",), {"src/jar.js", "README.md"}),
        (("**/deep/**",), {"src/deep/send.py"}),
        (("nowhere/",), set()),
    ],
)
def test_globs_match_as_in_gitignore(snapshot: Snapshot, globs: tuple[str, ...], expected: set[str]) -> None:
    assert allowed_paths(snapshot, Filter(globs=globs)) == expected


def test_kinds_restrict_units_of_a_file(snapshot: Snapshot) -> None:
    allowed = allowed_units(snapshot, Filter(kinds=frozenset({"method"}), globs=("src/jar.py",)))
    assert allowed is not None
    assert [snapshot.view(unit).name for unit in np.flatnonzero(allowed).tolist()] == ["send"]


@pytest.mark.parametrize(
    ("word", "hidden"),
    [
        ("read_file", {"readFile", "read_file.py"}),
        ("node_modules", {"node_modules/a.py"}),
        ("HTTPAdapter", {"HTTPAdapter"}),
        ("os.path", {"os/path.py"}),
        ("file", {"readFile", "read_file.py", "file_of"}),
        ("a-b", set()),
        ("_", set()),
    ],
)
def test_a_word_left_out_is_meant_as_a_whole(build: Build, word: str, hidden: set[str]) -> None:
    """Paths of files whose function is called `run`, and names of the functions of `x.py`."""
    paths = {"read_file.py", "node_modules/a.py", "node.py", "http/client.py", "os/path.py", "path/b.py"}
    names = {"readFile", "read_all", "file_of", "TreeNode", "HTTPAdapter", "adapter"}
    functions = "\n\n".join(f"def {name}():\n    return 1\n" for name in sorted(names))
    snapshot = build({**dict.fromkeys(paths, "def run():\n    return 1\n"), "x.py": functions})
    allowed = allowed_units(snapshot, Filter(without=(word,)))
    assert allowed is not None
    views = [snapshot.view(unit) for unit in np.flatnonzero(allowed).tolist()]
    shown = {view.name if view.path == "x.py" else view.path for view in views}
    assert (paths | names) - shown == hidden


def test_glob_that_is_none_is_named(snapshot: Snapshot) -> None:
    with pytest.raises(SettingError, match=r"!.*gitignore"):
        allowed_units(snapshot, Filter(globs=("!",)))


def test_empty_snapshot_allows_nothing() -> None:
    allowed = allowed_units(Snapshot(), Filter(languages=frozenset({"python"})))
    assert allowed is not None
    assert len(allowed) == 0
