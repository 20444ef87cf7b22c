"""Real models measured in processes of their own, and what becomes of those that fail."""

import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from oasis_search.comparison.apart import measure_apart
from oasis_search.comparison.compare import Comparison, compare, encoder_spec
from oasis_search.comparison.measure import Assignment, measure
from oasis_search.comparison.memory import MemoryMeter
from oasis_search.comparison.questions import QuestionSet, collect_questions
from oasis_search.encoder import load
from oasis_search.errors import EncoderError
from oasis_search.settings import IndexSettings, SearchSettings, Settings

LOCK = ["FileLock", "acquire", "def acquire(self):\n    flock(self.handle, LOCK_EX)"]
JSON = ["", "parse_json", "def parse_json(text):\n    return decoder.decode(text)"]
MAIL = ["Message", "attach", "def attach(self, part):\n    self.payload.append(part)"]


def assignment(model: str = "static", n_copies: int = 1) -> Assignment:
    """Three units, in two functions, and two questions; the answer to the second is a part of the first."""
    units = [LOCK, MAIL, JSON] * n_copies
    return Assignment(
        encoder_spec(Settings(), model).to_json(),
        units,
        [number // 2 for number in range(len(units))],
        ["decode a json text", "lock a file", "attach a part to a message"],
        [[1], [0], [0]],
    )


def measuring_processes() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # which a zombie counts as
            if "oasis_search.comparison.apart" in child.cmdline():
                found.append(child)
    return found


@pytest.fixture(scope="module")
def asked(workspace: Path) -> QuestionSet:
    return collect_questions(workspace, 200, IndexSettings())


@pytest.fixture(scope="module")
def comparison(asked: QuestionSet, worse_model: Path) -> Comparison:
    settings = Settings(search=SearchSettings(model=str(worse_model)))
    return compare(asked, settings, ["static", str(worse_model.parent / "none")])


def test_measurement_is_of_the_model_that_was_named() -> None:
    told: list[int] = []
    found = measure(assignment(), told.append)
    static = load("static")
    assert (found.fingerprint, found.dim, found.place) == (static.fingerprint, static.dim, static.place)
    assert found.ranks == [1, 1, 1]
    assert told == [3]
    assert found.bytes_per_s / found.texts_per_s == pytest.approx(
        sum(len(unit[2]) for unit in (LOCK, MAIL, JSON)) / 3
    )


def test_process_of_its_own_gives_the_same_ranks_and_ends() -> None:
    told: list[int] = []
    found = measure_apart(assignment(n_copies=400), told.append)
    assert found.ranks == measure(assignment(n_copies=400), told.append).ranks
    assert told[0] < told[1] < 1200
    assert told.count(1200) == 2
    assert measuring_processes() == []


def test_memory_is_what_was_added_since() -> None:
    meter = MemoryMeter()
    block = np.ones(10_000_000)
    added = meter.added_bytes()
    assert added is not None
    assert block.nbytes * 0.9 < added < block.nbytes * 1.5


def test_table_of_a_model_counts_as_its_memory(comparison: Comparison) -> None:
    for each in comparison.contenders:
        assert each.measurement.added_bytes is not None
        assert 5_000_000 < each.measurement.added_bytes < 120_000_000


def test_damaged_model_is_named_with_its_remedy(worse_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(worse_model, folder)
    (folder / "weights.npy").write_bytes((folder / "weights.npy").read_bytes()[:1000])
    with pytest.raises(EncoderError, match=r"weights.npy has 1000 bytes instead of .* again"):
        measure_apart(assignment(str(folder)), lambda done: None)
    assert measuring_processes() == []


def test_process_that_is_killed_is_said_to_lack_memory() -> None:
    def kill(done: int) -> None:
        for child in measuring_processes():
            child.kill()

    with pytest.raises(EncoderError, match="memory ran out"):
        measure_apart(assignment(n_copies=20_000), kill)
    assert measuring_processes() == []


def test_interruption_leaves_no_process_behind() -> None:
    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_apart(assignment(n_copies=20_000), interrupt)
    assert measuring_processes() == []


def test_model_in_use_comes_first_and_is_what_others_are_compared_with(
    comparison: Comparison, worse_model: Path
) -> None:
    current, other = comparison.contenders
    assert (current.model, current.is_in_use, current.gain) == (str(worse_model), True, None)
    assert (other.model, other.is_in_use) == ("static", False)
    assert other.gain is not None
    assert other.gain.value == pytest.approx(other.quality.mrr.value - current.quality.mrr.value)
    assert other.gain.low > 0


def test_shipped_model_finds_more_than_words_alone(comparison: Comparison) -> None:
    static = comparison.contenders[1].quality
    assert static.mrr.value > comparison.lexical.mrr.value > 20
    assert static.hit_at_1 < static.mrr.value < static.hit_at_10


def test_model_that_fails_does_not_end_the_comparison(comparison: Comparison, worse_model: Path) -> None:
    (failure,) = comparison.failures
    assert failure.model == str(worse_model.parent / "none")
    assert failure.reason.endswith((".", "- give the path of a folder that holds it."))


def test_model_is_measured_once_however_often_it_is_named(asked: QuestionSet) -> None:
    told: set[str] = set()
    few = replace(asked, questions=asked.questions[:5])
    found = compare(
        few, Settings(), ["static", "static"], progress=lambda model, done, total: told.add(model)
    )
    assert [each.model for each in found.contenders] == ["static"]
    assert told == {"static"}


def test_time_to_index_follows_from_the_size_of_the_workspace(asked: QuestionSet) -> None:
    (each,) = compare(asked, Settings(), []).contenders
    assert each.index_s == pytest.approx(asked.unit_bytes / each.measurement.bytes_per_s)
