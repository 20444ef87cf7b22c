"""A pack gives back the snapshot that was saved, or nothing."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from oasis_search.encoder import HashingEncoder
from oasis_search.index import Delta, IndexedFile, Snapshot
from oasis_search.index.pack import Pack

MakeFile = Callable[[str, str], IndexedFile]
Contents = Callable[[Snapshot], Mapping[str, Any]]

FINGERPRINT = HashingEncoder(64).fingerprint


@pytest.fixture
def snapshot(make_file: MakeFile) -> Snapshot:
    """Several segments, with dead units among them."""
    snapshot = Snapshot()
    for i in range(8):
        text = "".join(f"def handler_{i}_{n}(request):\n    return request.body\n\n\n" for n in range(4))
        snapshot = snapshot.apply(
            Delta(added=[make_file(f"src/m{i}.py", text), make_file(f"t{i}.md", "# T\n")])
        )
    return snapshot.apply(Delta(removed=["src/m0.py", "t6.md"]))


def test_saved_snapshot_comes_back(tmp_path: Path, snapshot: Snapshot, contents: Contents) -> None:
    Pack(tmp_path).save(snapshot)
    loaded = Pack(tmp_path).load(FINGERPRINT)
    assert loaded is not None
    assert contents(loaded) == contents(snapshot)
    assert loaded.mean_length == snapshot.mean_length


def test_loaded_snapshot_can_be_edited_and_saved_again(
    tmp_path: Path, snapshot: Snapshot, contents: Contents, make_file: MakeFile
) -> None:
    Pack(tmp_path).save(snapshot)
    pack = Pack(tmp_path)
    loaded = pack.load(FINGERPRINT)
    assert loaded is not None
    delta = Delta(["src/m1.py"], [make_file("new.py", "def fresh():\n    pass\n")])
    edited = loaded.apply(delta)
    pack.save(edited)
    again = Pack(tmp_path).load(FINGERPRINT)
    assert again is not None
    assert contents(again) == contents(edited) == contents(snapshot.apply(delta))
    listed = json.loads((tmp_path / "snapshot.json").read_text())["segments"]
    assert sorted(path.name for path in tmp_path.glob("*.segment")) == sorted(listed)


def test_unchanged_segments_are_not_written_again(
    tmp_path: Path, snapshot: Snapshot, make_file: MakeFile
) -> None:
    pack = Pack(tmp_path)
    pack.save(snapshot)
    before = {path.name for path in tmp_path.glob("*.segment")}
    pack.save(snapshot.apply(Delta(removed=["t1.md"])))
    assert {path.name for path in tmp_path.glob("*.segment")} <= before


def test_segment_that_another_window_removed_is_written_again(
    tmp_path: Path, snapshot: Snapshot, contents: Contents
) -> None:
    pack = Pack(tmp_path)
    pack.save(snapshot)
    for path in tmp_path.glob("*.segment"):
        path.unlink()
    pack.save(snapshot)
    loaded = Pack(tmp_path).load(FINGERPRINT)
    assert loaded is not None
    assert contents(loaded) == contents(snapshot)


def test_any_doubt_is_a_miss(tmp_path: Path, snapshot: Snapshot) -> None:
    assert Pack(tmp_path / "nowhere").load(FINGERPRINT) is None
    Pack(tmp_path).save(snapshot)
    assert Pack(tmp_path).load("another encoder") is None
    listing = tmp_path / "snapshot.json"
    good = listing.read_text()
    for bad in ("", "{}", "[1]", good[:-9], good.replace('"format": 1', '"format": 99')):
        listing.write_text(bad)
        assert Pack(tmp_path).load(FINGERPRINT) is None, bad
    listing.write_text(good)
    segment = next(tmp_path.glob("*.segment"))
    content = segment.read_bytes()
    head = content[: 8 + int.from_bytes(content[:8], "little")]
    arrays = (bytes(range(256)) * len(content))[: len(content) - len(head)]
    for damaged in (content[:-1], content[:5], b"", content + b"x", b"\xff" * len(content), head + arrays):
        segment.write_bytes(damaged)
        assert Pack(tmp_path).load(FINGERPRINT) is None, len(damaged)
    segment.unlink()
    assert Pack(tmp_path).load(FINGERPRINT) is None


def test_forgotten_pack_gives_nothing(tmp_path: Path, snapshot: Snapshot) -> None:
    pack = Pack(tmp_path)
    pack.save(snapshot)
    pack.forget()
    assert Pack(tmp_path).load(FINGERPRINT) is None
