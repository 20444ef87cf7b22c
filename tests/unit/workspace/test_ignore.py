"""Ignore rules, with the real git as the reference wherever git has an opinion."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oasis_search.workspace.ignore import changes_rules, load_rules
from oasis_search.workspace.walk import FoundFile, walk


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without anyone's git settings."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return os.fsdecode(done.stdout)


def write(root: Path, files: dict[str, str] | Iterable[str]) -> None:
    named = files if isinstance(files, dict) else dict.fromkeys(files, "")
    for path, text in named.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())


def kept(root: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    rules = load_rules(root, include=include, exclude=exclude)
    found = sorted(
        each.path for each in walk(root, rules, cancelled=lambda: False) if isinstance(each, FoundFile)
    )
    for path in found:
        assert not load_rules(root, include=include, exclude=exclude).is_ignored(path)
    return found


def kept_by_git(root: Path) -> list[str]:
    return sorted(git(root, "ls-files", "-co", "--exclude-standard", "-z").split("\0")[:-1])


def check_like_git(root: Path, files: dict[str, str] | Iterable[str]) -> list[str]:
    """Writes the files into a new repository; git and we must keep the same ones, which are returned."""
    git(root, "init", "-q")
    write(root, files)
    found = kept(root)
    assert found == kept_by_git(root)
    rules = load_rules(root)
    for path in files:
        assert rules.is_ignored(path) is (path not in found)
    return found


@pytest.mark.parametrize(
    ("patterns", "paths"),
    [
        ("foo", ["foo", "a/foo", "foo1", "a/foo2/b"]),
        ("foo/", ["a/foo", "foo/x", "b/foo/y"]),
        ("/foo", ["foo", "a/foo"]),
        ("a/foo", ["a/foo", "b/a/foo"]),
        ("*.py[co]", ["x.pyc", "a/y.pyo", "z.py"]),
        ("a/*", ["a/x", "a/b/c", "b/x"]),
        ("a/*\n!a/b/", ["a/x", "a/b/c", "b/x"]),
        ("a/**\n!a/b/\n!a/b/c", ["a/x", "a/b/c", "a/b/d"]),
        ("a/\n!a/b", ["a/b", "a/c"]),
        ("**/foo", ["foo", "a/foo", "a/b/foo"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z", "az"]),
        ("a**/z", ["az", "a1/z", "a1/b/z", "a/z"]),
        ("x/a**/z", ["x/az", "x/a1/b/z"]),
        ("a?**/z", ["a1/z", "a1/b/z"]),
        ("**", ["x", "a/b"]),
        ("**/", ["x", "a/b"]),
        ("/**", ["x", "a/b"]),
        ("*\n!*/\n!*.py", ["x.py", "a/y.py", "a/z.txt"]),
        ("*\n!x", ["x", "a/x"]),
        ("x \ny\\ \nz\\  \nt\t", ["x", "y ", "z ", "t\t", "t"]),
        ("x\\\\ ", ["x\\", "x\\ "]),
        (" x", [" x", "x"]),
        ("\\#x\n#y\n\\!z", ["#x", "#y", "!z"]),
        ("x\r\ny", ["x", "y"]),
        ("\ufeffx", ["x"]),
        ("a[!b]c", ["a/c", "abc", "axc"]),
        ("a[^b]c", ["abc", "axc"]),
        ("[[:alpha:]]x", ["bx", "1x", "é/x"]),
        ("[[:digit:][:upper:]_]k", ["1k", "Ak", "_k", "ak"]),
        ("[[:nope:]]x", ["nx", ":x"]),
        ("[]a]x\n[!]b]y", ["]x", "ax", "]y", "by", "cy"]),
        ("[z-a]k\n[a-]l\n[--0]m", ["zk", "bk", "-l", "bl", ".m", "0m"]),
        ("[a\\]]m", ["]m", "am", "\\m"]),
        ("[a", ["[a", "a"]),
        ("x\\", ["x", "x\\"]),
        ("?u", ["éu", "eu"]),
        ("*é", ["aé", "é", "e"]),
        ("a\\*b\nc\\?d", ["a*b", "axb", "c?d", "cxd"]),
        ("/\n//\n!\n!/", ["x", "a/b"]),
        ("a//", ["a/b"]),
        ("*a*b*c", ["xaybzc", "abc", "acb", "aabbc", "d/abc"]),
        ("**/a/**/b*/**/c", ["a/b/c", "x/a/y/b/z/c", "a/b1/b2/x/c", "b/a/c", "a/bc", "a/a/b/b/c/d"]),
        ("a/**/*b*c/**", ["a/xbyc/d", "a/q/bc/d/e", "a/bc", "a/cb/d"]),
        ("d/*a*b", ["d/ab", "d/xaayb", "d/a/b"]),
        ("A", ["a", "A1/a", "b/A"]),
    ],
)
def test_patterns_mean_what_they_mean_to_git(patterns: str, paths: list[str], tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, [*paths, "other", "deep/er/other"])
    (tmp_path / ".git/info/exclude").write_bytes(patterns.encode())
    assert kept(tmp_path) == kept_by_git(tmp_path)


def test_the_nearest_gitignore_decides_and_an_excluded_folder_is_never_reentered(tmp_path: Path) -> None:
    found = check_like_git(
        tmp_path,
        {
            ".gitignore": "*.log\n/out/\n",
            "a/.gitignore": "!keep.log\nlocal\n",
            "a/keep.log": "",
            "a/b/keep.log": "",
            "a/b/.gitignore": "keep.log\n",
            "a/local": "",
            "keep.log": "",
            "out/.gitignore": "!*\n",
            "out/x": "",
            "local": "",
        },
    )
    assert found == [".gitignore", "a/.gitignore", "a/b/.gitignore", "a/keep.log", "local"]


def test_info_exclude_beats_the_users_file_and_gitignore_beats_both(tmp_path: Path, home: Path) -> None:
    write(home, {".config/git/ignore": "u1\nu2\nu3\n"})
    git(tmp_path, "init", "-q")
    (tmp_path / ".git/info/exclude").write_text("!u2\ne1\ne2\n")
    write(tmp_path, {".gitignore": "!e2\n!u3\n", "u1": "", "u2": "", "u3": "", "e1": "", "e2": ""})
    assert kept(tmp_path) == kept_by_git(tmp_path) == [".gitignore", "e2", "u2", "u3"]


@pytest.mark.parametrize("where", ["home", "xdg", "repository", "included"])
def test_core_excludesfile_is_found_without_git(
    where: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q")
    write(home, {"my ignores": "*.mine\n"})
    setting = '; the rules\n[user] name = x\n[core "sub"]\nexcludesfile = no\n'
    setting += '[Core]\n  excludesFile = "~/my ignores" # x\n'
    if where == "home":
        write(home, {".gitconfig": setting})
    elif where == "xdg":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
        write(home, {"xdg/git/config": setting})
    elif where == "repository":
        git(tmp_path, "config", "core.excludesFile", "~/my ignores")
    else:
        write(home, {".gitconfig": "[include]\n\tpath = chosen\n", "chosen": setting})
    write(tmp_path, ["x.mine", "y"])
    assert kept(tmp_path) == kept_by_git(tmp_path) == ["y"]


def test_case_counts_unless_the_repository_says_otherwise(tmp_path: Path) -> None:
    files = {".gitignore": "FOO\n*.TMP\nd/[a-c]x\n", "foo": "", "a.tmp": "", "d/Bx": ""}
    assert check_like_git(tmp_path, files) == [".gitignore", "a.tmp", "d/Bx", "foo"]
    git(tmp_path, "config", "core.ignoreCase", "true")
    assert kept(tmp_path) == kept_by_git(tmp_path) == [".gitignore"]


def test_a_gitignore_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, {"rules": "x\n", "x": ""})
    (tmp_path / "sub").mkdir()
    (tmp_path / ".gitignore").symlink_to("rules")
    ignored = subprocess.run(["git", "check-ignore", "-q", "x"], cwd=tmp_path, capture_output=True)
    assert ignored.returncode == 1
    assert not load_rules(tmp_path).is_ignored("x")


def test_a_pipe_in_place_of_a_rule_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".oasisignore")
    write(tmp_path, ["x"])
    assert kept(tmp_path) == ["x"]


def test_gitignore_counts_without_a_repository(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*.o\n", "a/.gitignore": "x\n", "b.o": "", "a/x": "", "a/y": ""})
    assert kept(tmp_path) == [".gitignore", "a/.gitignore", "a/y"]


def test_a_subfolder_follows_the_rules_of_the_repository_above_it(tmp_path: Path) -> None:
    files = {
        ".gitignore": "*.log\n/a/b/build\n",
        "a/.gitignore": "b/gen\n!b/x.log\n",
        "a/b/.oasisignore": "n\n",
    }
    check_like_git(tmp_path, files)
    write(tmp_path, ["a/b/x.log", "a/b/y.log", "a/b/build/z", "a/b/gen/z", "a/b/src/z", "a/b/n"])
    assert kept(tmp_path / "a/b") == [".oasisignore", "src/z", "x.log"]
    write(tmp_path, {".oasisignore": "src/\n"})
    assert kept(tmp_path / "a/b") == [".oasisignore", "x.log"]


@pytest.mark.parametrize("root", ["env/lib/site-packages", "node_modules/lib", ".venv/lib/pkg"])
def test_a_workspace_inside_an_ignored_folder_is_not_ruled_by_what_ignores_it(
    root: str, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, {".gitignore": "env/\n*.py\n", f"{root}/lib/a.py": "", f"{root}/.gitignore": "b\n"})
    write(tmp_path, {f"{root}/b": "", f"{root}/node_modules/c": ""})
    assert kept(tmp_path / root) == [".gitignore", "lib/a.py"]


def test_an_opened_virtual_environment_is_listed_though_its_own_gitignore_ignores_all(tmp_path: Path) -> None:
    write(tmp_path, {"v/pyvenv.cfg": "", "v/.gitignore": "*\n", "v/lib/a.py": ""})
    assert "lib/a.py" in kept(tmp_path / "v")
    assert kept(tmp_path) == []


def test_linked_worktrees_share_the_exclude_file_of_their_repository(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "commit", "-q", "--allow-empty", "-m", "one")
    git(main, "worktree", "add", "-q", str(linked))
    (main / ".git/info/exclude").write_text("secret\n")
    write(linked, ["secret", "x"])
    assert kept(linked) == kept_by_git(linked) == ["x"]


def test_submodules_and_nested_repositories_have_only_their_own_git_rules(tmp_path: Path) -> None:
    library, root = tmp_path / "library", tmp_path / "root"
    for folder in (library, root):
        folder.mkdir()
        git(folder, "init", "-q")
    write(library, {"x.gen": "", ".gitignore": "y\n"})
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "one")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "sub")
    write(root, {".gitignore": "*.gen\n", "a.gen": "", "sub/y": "", "sub/z.gen": ""})
    (root / ".git/modules/sub/info/exclude").write_text("z.gen\n")
    assert kept(root) == [".gitignore", ".gitmodules", "sub/.gitignore", "sub/x.gen"]
    write(root, {".oasisignore": "*.gen\n"})
    assert "sub/x.gen" not in kept(root)


def test_a_git_folder_that_is_no_repository_changes_no_rules(tmp_path: Path) -> None:
    write(
        tmp_path,
        {".gitignore": "x\n", "a/.git/nothing": "", "a/x": "", "a/y": "", "b/.git": "junk", "b/x": ""},
    )
    assert kept(tmp_path) == [".gitignore", "a/y"]


def test_oasisignore_adds_to_git_and_takes_back(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(
        tmp_path,
        {
            ".gitignore": "gen/\n*.log\ndist/\n",
            ".oasisignore": "!gen/\ndocs/\n!dist/keep\n",
            "gen/x": "",
            "gen/x.log": "",
            "gen/.oasisignore": "!*.log\nlocal\n",
            "gen/local": "",
            "docs/x": "",
            "dist/keep": "",
            "src/x": "",
        },
    )
    assert kept(tmp_path) == [".gitignore", ".oasisignore", "gen/.oasisignore", "gen/x", "gen/x.log", "src/x"]


def test_folders_of_tools_are_left_out_until_taken_back(tmp_path: Path) -> None:
    write(tmp_path, ["node_modules/a/x", "e/pyvenv.cfg", "e/lib/y", "p/__pycache__/z", ".venv/w", "dist/v"])
    assert kept(tmp_path) == ["dist/v"]
    write(tmp_path, {".gitignore": "*\n!*/\n!x\n"})
    assert kept(tmp_path) == []
    write(tmp_path, {".gitignore": "", ".oasisignore": "!node_modules\n!e/\n"})
    found = kept(tmp_path)
    assert found == [".gitignore", ".oasisignore", "dist/v", "e/lib/y", "e/pyvenv.cfg", "node_modules/a/x"]


def test_version_control_folders_are_never_entered(tmp_path: Path) -> None:
    write(tmp_path, {".git/x": "", ".hg/x": "", "a/.svn/x": "", ".jj/x": "", ".oasisignore": "!.git\n!.hg\n"})
    assert kept(tmp_path, include=["**", ".git/**", ".hg"]) == [".oasisignore"]


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        (["*.proto"], ["out/deep/a.proto", "node_modules/m/c.proto", "v/d.proto"]),
        (["/out/deep"], ["out/deep/a.proto", "out/deep/b", "out/deep/node_modules/x"]),
        (["out/deep/"], ["out/deep/a.proto", "out/deep/b", "out/deep/node_modules/x"]),
        (["node_modules/m/**"], ["node_modules/m/c.proto", "node_modules/m/e"]),
        (["**/deep/b"], ["out/deep/b"]),
        (["o*/*/b"], ["out/deep/b"]),
        (["out", "!a.proto"], ["out/deep/b", "out/top", "out/deep/a.proto", "out/deep/node_modules/x"]),
        (["v/d.proto"], ["v/d.proto"]),
        (["nothing/here"], []),
    ],
)
def test_forced_globs_win_over_every_rule(include: list[str], expected: list[str], tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "out/\n", ".oasisignore": "*.proto\n", "v/pyvenv.cfg": ""})
    write(
        tmp_path, ["out/deep/a.proto", "out/deep/b", "out/top", "node_modules/m/c.proto", "node_modules/m/e"]
    )
    write(tmp_path, ["out/deep/node_modules/x", "v/d.proto", "src/x"])
    always = [".gitignore", ".oasisignore", "src/x"]
    assert kept(tmp_path, include=include) == sorted([*always, *expected])
    assert kept(tmp_path, include=include, exclude=["*"]) == sorted(expected)


def test_excludes_of_the_settings_win_over_oasisignore(tmp_path: Path) -> None:
    write(
        tmp_path,
        {".gitignore": "g\n", ".oasisignore": "!g\n!x.md\n", "g": "", "x.md": "", "a/y.md": "", "z": ""},
    )
    assert kept(tmp_path, exclude=["*.md", "/z"]) == [".gitignore", ".oasisignore", "g"]


def test_patterns_with_many_wildcards_end(tmp_path: Path) -> None:
    stars, deep = "*a" * 40 + "b\n", "**/a/" * 25 + "b\n"
    long_name, deep_path = "a" * 200, "a/" * 60 + "c"
    write(tmp_path, {".gitignore": stars + "d/" + stars + deep})
    write(tmp_path, [long_name, "d/" + long_name, deep_path])
    assert len(kept(tmp_path)) == 4


def test_rules_answer_for_paths_that_no_file_has(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "x\n"})
    rules = load_rules(tmp_path, include=["\ud800"])
    assert rules.is_ignored("no/such/x")
    assert rules.is_ignored("no/such/x/y")
    assert not rules.is_ignored("d/" * 3000 + "y")
    assert not rules.is_ignored("\ud800/y")


def test_which_changes_call_for_new_rules() -> None:
    assert changes_rules("a/.gitignore")
    assert changes_rules(".oasisignore")
    assert changes_rules("/w/.git/info/exclude")
    assert not changes_rules("a/gitignore")
    assert not changes_rules(".git/HEAD")


_names = st.sampled_from(["a", "b", "ab", "A", "x.py", ".h", "é", "a b", "[a]"])
_paths = st.lists(_names, min_size=1, max_size=4).map("/".join)
_pieces = st.sampled_from(
    [
        "a",
        "b",
        "*",
        "**",
        "?",
        "/",
        "/",
        "a",
        "[ab]",
        "[!a]",
        "[a-c",
        "\\",
        "x.py",
        ".",
        "é",
        " ",
        "[[:alpha:]]",
    ]
)
_lines = st.tuples(st.sampled_from(["", "", "!", "/", "#"]), st.lists(_pieces, min_size=1, max_size=5)).map(
    lambda parts: parts[0] + "".join(parts[1])
)
_rule_files = st.dictionaries(
    st.sampled_from([".gitignore", "a/.gitignore", "a/b/.gitignore", "b/.gitignore", ".git/info/exclude"]),
    st.lists(_lines, min_size=1, max_size=5).map("\n".join),
    min_size=1,
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(paths=st.sets(_paths, min_size=1, max_size=12), rule_files=_rule_files)
def test_any_tree_with_any_patterns_is_listed_as_git_lists_it(
    paths: set[str], rule_files: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("tree")
    git(root, "init", "-q")
    for path in sorted(paths):
        target = root / path
        if not target.exists() and not any(parent.is_file() for parent in target.parents):
            write(root, [path])
    for path, text in rule_files.items():
        if not any(parent.is_file() for parent in (root / path).parents):
            write(root, {path: text})
    assert kept(root) == kept_by_git(root)
