"""Hashes of big files are remembered, and never wrong."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from oasis_search.encoder import content_hash as subject
from oasis_search.encoder.content_hash import MEMORY_NAME, content_hash


@pytest.fixture
def big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as big, and as old enough to be remembered."""
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(subject, "REMEMBER_ABOVE_BYTES", 10)
    monkeypatch.setattr(subject, "QUIET_S", -1.0)
    path = tmp_path / "weights"
    path.write_bytes(b"a" * 100)
    time.sleep(0.02)  # the clock of a file system ticks in milliseconds
    return path


def remembered(tmp_path: Path) -> dict[str, list[object]]:
    return dict(json.loads((tmp_path / "cache" / MEMORY_NAME).read_text(encoding="utf-8")))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_hash_is_sha256_of_the_content(big: Path, tmp_path: Path) -> None:
    assert content_hash(big) == sha256(b"a" * 100)
    assert [entry[-1] for entry in remembered(tmp_path).values()] == [sha256(b"a" * 100)]


def test_a_remembered_file_is_not_read_again(big: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = content_hash(big)
    monkeypatch.setattr(subject, "_hash", lambda path: pytest.fail(f"{path} was read again"))
    assert content_hash(big) == expected


def test_a_changed_file_is_read_again(big: Path) -> None:
    content_hash(big)
    big.write_bytes(b"b" * 100)
    assert content_hash(big) == sha256(b"b" * 100)


def test_a_change_with_the_old_time_stamp_put_back_is_seen(big: Path) -> None:
    content_hash(big)
    before = big.stat()
    big.write_bytes(b"b" * 100)
    os.utime(big, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert content_hash(big) == sha256(b"b" * 100)


def test_another_file_renamed_into_the_place_is_seen(big: Path) -> None:
    content_hash(big)
    other = big.with_name("other")
    other.write_bytes(b"c" * 100)
    other.replace(big)
    assert content_hash(big) == sha256(b"c" * 100)


def test_a_file_that_was_just_written_is_not_remembered(
    big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "QUIET_S", 3600.0)
    content_hash(big)
    assert not (tmp_path / "cache" / MEMORY_NAME).exists()


def test_small_files_are_not_remembered(big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "REMEMBER_ABOVE_BYTES", 101)
    assert content_hash(big) == sha256(b"a" * 100)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 3}', '{"a": [1]}'])
def test_a_damaged_memory_is_no_memory(big: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / MEMORY_NAME).write_text(content)
    assert content_hash(big) == sha256(b"a" * 100)
    assert len(remembered(tmp_path)) == 1


def test_a_memory_that_cannot_be_written_is_no_trouble(big: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert content_hash(big) == sha256(b"a" * 100)


def test_the_oldest_are_forgotten(big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_REMEMBERED", 2)
    for number in range(3):
        path = big.with_name(f"file{number}")
        path.write_bytes(bytes([number]) * 20)
        content_hash(path)
    assert [Path(name).name for name in remembered(tmp_path)] == ["file1", "file2"]
