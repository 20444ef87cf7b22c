"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from oasis_train.data.files import whole_file
from oasis_train.errors import DataError


def write(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text)
        if text == "half":
            raise ZeroDivisionError


def test_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "facts.json"
    with whole_file(path) as part:
        part.write_text("{}")
        assert not path.exists()
    assert path.read_text() == "{}"
    assert list(path.parent.iterdir()) == [path]


def test_failure_keeps_what_was_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError):
        write(path, "half")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_error_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.mkdir()
    (path / "something").touch()
    with pytest.raises(DataError, match=r"taken cannot be written .* Make room there"):
        write(path, "{}")
    assert list(tmp_path.iterdir()) == [path]
