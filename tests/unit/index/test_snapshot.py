"""Whatever is edited, the snapshot holds what one built from scratch holds, and searches alike."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oasis_search.encoder import HashingEncoder
from oasis_search.index import Delta, IndexedFile, Snapshot
from oasis_search.index import snapshot as snapshot_module
from oasis_search.index.segment import build_segment, merge_segments
from oasis_search.search import Query, search

MakeFile = Callable[[str, str], IndexedFile]
Contents = Callable[[Snapshot], Mapping[str, Any]]

TEXTS = (
    "",
    "import os\n",
    "def parse_date(text):\n    return int(text)\n",
    "class Cookie:\n    def parse(self):\n        return 1\n\n    def send(self):\n        return 2\n",
    "def retry(session):\n    session.send()\n\n\ndef parse_date(a, b):\n    return a\n",
    "def retry(session):\n    session.send()\n\n\ndef send(session):\n    return retry(session)\n",
)
PATHS = tuple(
    f"{folder}/{name}.py" for folder in ("src", "tests", "net") for name in ("date", "cookie", "http")
)
QUERIES = ("parse_date", "send a session again", "cookie parse", "http date", "def return")

ENCODER = HashingEncoder(64)

edits = st.lists(
    st.lists(st.tuples(st.sampled_from(PATHS), st.none() | st.sampled_from(TEXTS)), min_size=1, max_size=4),
    max_size=12,
)


@pytest.mark.parametrize("segment_limit", [4, 9, 32_768])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=edits)
def test_any_edits_equal_a_rebuild(
    make_file: MakeFile,
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
    segment_limit: int,
    steps: list[list[tuple[str, str | None]]],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(snapshot_module, "SEGMENT_LIMIT", segment_limit)
        texts: dict[str, str] = {}
        snapshot = Snapshot()
        for step in steps:
            changes = dict(step)
            snapshot = snapshot.apply(
                Delta(
                    removed=[path for path, text in changes.items() if text is None],
                    added=[make_file(path, text) for path, text in changes.items() if text is not None],
                )
            )
            for path, text in changes.items():
                texts.pop(path, None)
                if text is not None:
                    texts[path] = text
    rebuilt = Snapshot().apply(Delta(added=[make_file(path, text) for path, text in sorted(texts.items())]))
    assert contents(snapshot) == contents(rebuilt)
    assert snapshot.generation == len(steps)
    assert snapshot.mean_length == rebuilt.mean_length
    for query in QUERIES:
        assert search(snapshot, Query(query), ENCODER) == search(rebuilt, Query(query), ENCODER)


def test_merged_segments_equal_one_built_from_their_files(make_file: MakeFile) -> None:
    files = [make_file(path, text) for path, text in zip(PATHS, TEXTS[2:] * 2, strict=False)]
    first, second = build_segment(files[:3]), build_segment(files[3:])
    alive = np.ones(second.n_units, bool)
    alive[second.first_units[1] : second.first_units[2]] = False
    merged = merge_segments([(first, np.ones(first.n_units, bool)), (second, alive)])
    built = build_segment([*files[:3], files[3], *files[5:]])
    for column in (field.name for field in fields(built) if field.name not in ("vectors", "signs")):
        assert np.array_equal(getattr(merged, column), getattr(built, column)), column
    for key, expected in built.vectors.items():
        assert np.array_equal(merged.vectors[key].codes, expected.codes)
        assert np.array_equal(merged.vectors[key].scales, expected.scales)
        assert np.array_equal(merged.signs[key], built.signs[key])


def test_many_small_edits_leave_few_segments(make_file: MakeFile) -> None:
    snapshot = Snapshot()
    for i in range(200):
        snapshot = snapshot.apply(Delta(added=[make_file(f"src/m{i % 70}.py", TEXTS[2 + i % 4])]))
    assert len(snapshot.segments) <= 9
    assert snapshot.size <= 2 * snapshot.n_units


def test_segments_stay_below_the_limit(make_file: MakeFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_module, "SEGMENT_LIMIT", 10)
    snapshot = Snapshot().apply(Delta(added=[make_file(f"m{i}.py", TEXTS[3]) for i in range(40)]))
    assert max(segment.n_units for segment in snapshot.segments) <= 10
    assert snapshot.n_units == 40 * snapshot.segments[0].first_units[1]


def test_earlier_snapshot_is_untouched(make_file: MakeFile, contents: Contents) -> None:
    first = Snapshot().apply(Delta(added=[make_file(PATHS[0], TEXTS[3]), make_file(PATHS[1], TEXTS[4])]))
    before = contents(first)
    first.apply(Delta(removed=[PATHS[0]], added=[make_file(PATHS[1], TEXTS[2])]))
    assert contents(first) == before


def test_file_that_lost_its_units_is_gone(make_file: MakeFile) -> None:
    snapshot = Snapshot().apply(Delta(added=[make_file(PATHS[0], TEXTS[3])]))
    emptied = snapshot.apply(Delta(added=[make_file(PATHS[0], "")]))
    assert emptied.n_units == 0
    assert emptied.digest_of(PATHS[0]) is None
    assert list(emptied.units_of(PATHS[0])) == []
    assert search(emptied, Query("cookie"), None) == []


def test_later_of_two_versions_in_one_delta_wins(make_file: MakeFile, contents: Contents) -> None:
    twice = Snapshot().apply(Delta(added=[make_file(PATHS[0], TEXTS[3]), make_file(PATHS[0], TEXTS[2])]))
    once = Snapshot().apply(Delta(added=[make_file(PATHS[0], TEXTS[2])]))
    assert contents(twice) == contents(once)


def test_paths_and_languages_are_found_by_file_number(make_file: MakeFile) -> None:
    snapshot = Snapshot()
    for path in ("a.py", "b.go", "c.md"):
        snapshot = snapshot.apply(Delta(added=[make_file(path, "package x\n\nfunc F() {}\n")]))
    numbers = snapshot.file_ids
    seen = {
        (snapshot.path_of_file(int(n)), snapshot.language_of_file(int(n))) for n in numbers[snapshot.alive]
    }
    assert seen == {("a.py", "python"), ("b.go", "go"), ("c.md", "markdown")}
