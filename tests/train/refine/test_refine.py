"""Refinement: who is a candidate, what a verdict changes, what never changes, and what is kept for audit."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oasis_train.data import LabelledPair, RefinedPair, ShardedTable, Stage, StageFolder
from oasis_train.errors import DataError, RecipeError
from oasis_train.labels.chunks import Chunk
from oasis_train.labels.teachers import MAX_SIMILARITY
from oasis_train.refine import (
    JudgeConfig,
    RefineConfig,
    VariantConfig,
    refine_pairs,
    with_variant,
)
from oasis_train.refine.stage import candidates_of
from tests.train.chat.chat_server import chat_server
from tests.train.labels.small_run import REFINEMENT, real_functions, run_stages, write_inputs

FUNCTIONS = {f.id: f for f in real_functions()}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is finished up to its labels."""
    out = tmp_path_factory.mktemp("run")
    write_inputs(out)
    run_stages(out, until="label")
    return out


def refined(run: Path, config: RefineConfig, out: Path) -> list[RefinedPair]:
    refine_pairs(config, run / "corpus", run / "docstrings", run / "label", out)
    return list(ShardedTable(out / "pairs", RefinedPair))


def labels(run: Path) -> list[LabelledPair]:
    return list(ShardedTable(run / "label" / "pairs", LabelledPair))


def of_one_docstring(wrong: float, right: float, threshold: float, scope: str) -> bool:
    """Whether a wrong pair is a candidate by similarity."""
    own, other = [f for f in FUNCTIONS.values() if f.doc][:2]
    pairs = [LabelledPair(own.id, own.id, True, right), LabelledPair(own.id, other.id, False, wrong)]
    chunk = Chunk(0, FUNCTIONS, {own.id: own.doc})
    config = RefineConfig(structure=False, threshold_scope=scope)  # type: ignore[arg-type]
    rows = candidates_of(config, threshold, chunk, pairs)
    assert not rows[0].by_threshold
    return rows[1].by_threshold


@pytest.mark.parametrize(
    ("wrong", "either", "global_", "positive"),
    [(0.9, True, True, True), (0.6, True, True, False), (0.5, False, False, False)],
)
def test_the_scope_says_what_a_similarity_must_exceed(
    wrong: float, either: bool, global_: bool, positive: bool
) -> None:
    for scope, expected in (("either", either), ("global", global_), ("positive", positive)):
        assert of_one_docstring(wrong, right=0.7, threshold=0.5, scope=scope) is expected
    assert of_one_docstring(0.4, right=0.3, threshold=0.5, scope="either")
    assert not of_one_docstring(0.4, right=0.3, threshold=0.5, scope="global")


def test_confirmed_candidates_are_raised_and_nothing_else_changes(labelled: Path, tmp_path: Path) -> None:
    rows = refined(labelled, REFINEMENT, tmp_path / "refine")
    facts = StageFolder(tmp_path / "refine").manifest()["facts"]
    before = labels(labelled)
    assert [(r.docstring, r.function, r.is_gt, r.teacher_similarity) for r in rows] == [
        (p.docstring, p.function, p.is_gt, p.similarity) for p in before
    ]
    for row in rows:
        is_candidate = row.by_threshold or row.by_structure
        assert not (row.is_gt and is_candidate)
        assert row.verdict == ("yes" if is_candidate else "")
        expected = row.teacher_similarity + 0.05 * is_candidate
        assert row.similarity == pytest.approx(min(expected, MAX_SIMILARITY))
        assert row.by_structure == (0 <= row.tree_distance <= 0.2)
        assert FUNCTIONS[row.docstring].code != FUNCTIONS[row.function].code or row.is_gt
    assert facts["candidates"] == facts["raised"] == sum(bool(row.verdict) for row in rows)
    assert facts["by_structure"] > 0 < facts["by_threshold"]
    assert facts["bimodal"]
    assert {path.name for path in (tmp_path / "refine").iterdir()} == {
        "gmm.json", "pairs", "similarities.png", "stage.json"
    }  # fmt: skip


def test_each_rule_can_be_switched_off_and_both(labelled: Path, tmp_path: Path) -> None:
    full = refined(labelled, REFINEMENT, tmp_path / "full")
    for threshold, structure in ((True, False), (False, True), (False, False)):
        config = replace(REFINEMENT, threshold=threshold, structure=structure)
        rows = refined(labelled, config, tmp_path / f"{threshold}-{structure}")
        assert [row.by_threshold for row in rows] == [row.by_threshold and threshold for row in full]
        assert [row.by_structure for row in rows] == [row.by_structure and structure for row in full]
        variant = VariantConfig(threshold=threshold, structure=structure)
        assert [row.similarity for row in rows] == [with_variant(row, variant).similarity for row in full]
    assert [row.similarity for row in rows] == [pair.similarity for pair in labels(labelled)]
    assert {row.judge for row in rows} == {""}


def test_a_model_judges_candidates_once_and_its_words_are_kept(labelled: Path, tmp_path: Path) -> None:
    def judge(prompt: str) -> str:
        return "Yes." if "self" in prompt else "No." if "return" in prompt else "Perhaps."

    with chat_server(judge) as server:
        config = RefineConfig(judge=JudgeConfig(chat=server.config(cache=tmp_path / "cache.sqlite")))
        rows = refined(labelled, config, tmp_path / "refine")
        n_asked = len(server.prompts)
        again = refined(labelled, replace(config, delta_s=0.2), tmp_path / "again")
        assert len(server.prompts) == n_asked
    judged = [row for row in rows if row.verdict]
    assert n_asked == len({(row.docstring, row.function) for row in judged})
    assert {row.verdict for row in judged} == {"yes", "no", "unclear"}
    for row, other in zip(rows, again, strict=True):
        assert (row.similarity > row.teacher_similarity) == (row.verdict == "yes")
        assert other == with_variant(row, VariantConfig(delta_s=0.2))
        if row.verdict:
            assert row.judge == "scripted/binary"
            assert row.reply in ("Yes.", "No.", "Perhaps.")


@settings(deadline=None)
@given(
    st.floats(0, MAX_SIMILARITY),
    st.floats(0, 0.99),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["yes", "no", ""]),
)
def test_a_raised_similarity_stays_below_one_and_never_falls(
    similarity: float, delta: float, by_threshold: bool, by_structure: bool, verdict: str
) -> None:
    row = RefinedPair(
        "d", "f", False, similarity, similarity, by_threshold, by_structure, -1.0, verdict, "j", "r"
    )
    found = with_variant(row, VariantConfig(delta))
    assert similarity <= found.similarity < 1
    assert with_variant(found, VariantConfig(0.0)) == row
    assert (found.similarity == similarity) or (verdict == "yes" and (by_threshold or by_structure))


@pytest.mark.parametrize("value", [float("nan"), 1.0, -0.1])
def test_a_similarity_that_is_none_is_named(labelled: Path, tmp_path: Path, value: float) -> None:
    def spoil(partial: Path) -> dict[str, int]:
        rows = labels(labelled)
        rows[7] = replace(rows[7], similarity=value)
        ShardedTable(partial / "pairs", LabelledPair).write(0, rows)
        return {}

    StageFolder(tmp_path / "label").run(Stage("label", {}), spoil)
    texts = labelled / "corpus", labelled / "docstrings"
    with pytest.raises(DataError, match=r"part-00000\.parquet gives pair 7 the similarity"):
        refine_pairs(REFINEMENT, *texts, tmp_path / "label", tmp_path / "refine")


def test_unusable_settings_and_a_judge_without_model_are_named(labelled: Path, tmp_path: Path) -> None:
    for values in (
        {"delta_s": 1.0},
        {"structure_limit": 1.0},
        {"fallback_quantile": 0.0},
        {"fit_samples": 0},
    ):
        with pytest.raises(RecipeError, match=next(iter(values))):
            RefineConfig(**values)
    with pytest.raises(RecipeError, match="chat model has no name"):
        refined(labelled, RefineConfig(), tmp_path / "refine")
