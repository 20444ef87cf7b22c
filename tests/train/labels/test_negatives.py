"""Negatives: of the same repository and side of the split, never a copy, the same for the same seed."""

from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oasis_train.labels.chunks
from oasis_search.syntax import terms
from oasis_train.data import Docstring, Function, Pair, ShardedTable, Stage, StageFolder
from oasis_train.errors import DataError, RecipeError
from oasis_train.labels import NegativeConfig, sample_negatives
from oasis_train.labels.chunks import Chunk, read_chunks
from oasis_train.labels.negatives import chunk_pairs
from tests.train.labels.small_run import real_functions, write_inputs

FUNCTIONS = {function.id: function for function in real_functions()}


def chunk_of(functions: list[Function]) -> Chunk:
    return Chunk(0, {f.id: f for f in functions}, {f.id: f.doc for f in functions if f.doc})


def pairs_of(config: NegativeConfig, functions: list[Function] | None = None) -> list[Pair]:
    return list(chunk_pairs(chunk_of(functions or list(FUNCTIONS.values())), config))


@pytest.mark.parametrize("hard_share", [0.0, 0.5, 1.0])
def test_every_docstring_has_its_function_and_k_others_of_its_repository(hard_share: float) -> None:
    pairs = pairs_of(NegativeConfig(k=5, hard_share=hard_share))
    for docstring, group in groupby(pairs, lambda pair: pair.docstring):
        right, *wrong = group
        assert right == Pair(docstring, docstring, True)
        assert len({FUNCTIONS[pair.function].code for pair in (right, *wrong)}) == 6
        for pair in wrong:
            own, other = FUNCTIONS[docstring], FUNCTIONS[pair.function]
            assert not pair.is_gt
            assert (own.repository, own.split) == (other.repository, other.split)
            assert own.doc != other.doc


def test_a_small_repository_gives_fewer_and_copies_are_no_negatives() -> None:
    first, second, third = [f for f in FUNCTIONS.values() if f.doc and f.repository == "json"][:3]
    copies = [
        replace(first, id="same code", code=f"\n{first.code}\n", doc="Another text."),
        replace(first, id="same text", code="pass"),
        replace(second, id="other side", code="return", split="dev"),
        replace(third, id="twice", doc=""),
    ]
    pairs = pairs_of(NegativeConfig(k=10), [first, second, third, *copies])
    of_first = {pair.function for pair in pairs if pair.docstring == first.id}
    assert of_first - {third.id, "twice"} == {first.id, second.id}
    assert len(of_first) == 3
    alone = pairs_of(NegativeConfig(k=10), [first])
    assert alone == [Pair(first.id, first.id, True)]


def test_negatives_of_a_docstring_do_not_depend_on_other_repositories() -> None:
    config = NegativeConfig(k=4, hard_share=0.25)
    some = [f for f in FUNCTIONS.values() if f.repository == "wsgiref"]
    assert pairs_of(config, some) == [
        pair for pair in pairs_of(config) if FUNCTIONS[pair.docstring].repository == "wsgiref"
    ]
    assert pairs_of(config, some) != pairs_of(replace(config, seed=1), some)


def test_every_function_is_drawn_about_equally_often() -> None:
    functions = [f for f in FUNCTIONS.values() if f.repository == "logging"]
    drawn: Counter[str] = Counter()
    for seed in range(40):
        drawn.update(p.function for p in pairs_of(NegativeConfig(k=5, seed=seed), functions) if not p.is_gt)
    codes = Counter(f.code.strip() for f in functions)
    unique = [f.id for f in functions if codes[f.code.strip()] == 1]
    mean = sum(drawn[name] for name in unique) / len(unique)
    assert all(0.6 * mean < drawn[name] < 1.4 * mean for name in unique)


def test_hard_negatives_share_more_rare_words_with_the_docstring() -> None:
    words = {name: set(terms(function.code)) for name, function in FUNCTIONS.items()}
    counts = Counter(word for bag in words.values() for word in bag)
    rare = {word for word, count in counts.items() if count <= 20}

    def shared(config: NegativeConfig) -> int:
        wrong = [pair for pair in pairs_of(config) if not pair.is_gt]
        return sum(len(set(terms(FUNCTIONS[p.docstring].doc)) & words[p.function] & rare) for p in wrong)

    assert shared(NegativeConfig(hard_share=1.0)) > 2 * shared(NegativeConfig())


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 6), st.integers(0, 3))
def test_copies_are_never_negatives_whatever_the_repository(codes: list[int], k: int, n_texts: int) -> None:
    base = next(iter(FUNCTIONS.values()))
    functions = [
        replace(base, id=str(i), code=f"f{code}()", doc=f"Text {i % (n_texts + 1)}.")
        for i, code in enumerate(codes)
    ]
    by_id = {f.id: f for f in functions}
    for docstring, group in groupby(pairs_of(NegativeConfig(k=k), functions), lambda pair: pair.docstring):
        own = by_id[docstring]
        wrong = [by_id[pair.function] for pair in group if not pair.is_gt]
        possible = {f.code for f in functions if f.code != own.code and f.doc != own.doc}
        assert len(wrong) == min(k, len(possible))
        assert len({f.code for f in wrong}) == len(wrong)
        assert {f.code for f in wrong} <= possible


def test_chunks_are_whole_repositories_with_their_docstrings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oasis_train.labels.chunks, "CHUNK_FUNCTIONS", 30)
    chunks = list(read_chunks(*write_inputs(tmp_path)))
    assert [{f.repository for f in chunk.functions.values()} for chunk in chunks] == [
        {"json"}, {"logging"}, {"wsgiref"}, {"zoneinfo"}
    ]  # fmt: skip
    assert all(chunk.docstrings.keys() <= chunk.functions.keys() for chunk in chunks)
    assert sum(len(chunk.docstrings) for chunk in chunks) == sum(bool(f.doc) for f in FUNCTIONS.values())


def test_a_docstring_of_no_function_is_named(tmp_path: Path) -> None:
    corpus, docstrings = write_inputs(tmp_path)

    def stray(partial: Path) -> dict[str, int]:
        ShardedTable(partial / "docstrings", Docstring).write(0, [Docstring("nobody", "Text.", "human", "")])
        return {}

    StageFolder(docstrings).run(Stage("docstrings", {}), stray)
    with pytest.raises(DataError, match="docstring of function nobody"):
        sample_negatives(NegativeConfig(), corpus, docstrings, tmp_path / "negatives")


@pytest.mark.parametrize(("name", "value"), [("k", -1), ("hard_share", 1.5)])
def test_unusable_values_are_named(name: str, value: float) -> None:
    with pytest.raises(RecipeError, match=name):
        NegativeConfig(**{name: value})  # type: ignore[arg-type]


def test_groups_are_each_others_negatives() -> None:
    pairs = pairs_of(NegativeConfig(k=3, form="groups"))
    partners: dict[str, set[str]] = {}
    for pair in pairs:
        partners.setdefault(pair.docstring, set()).add(pair.function)
        own, other = FUNCTIONS[pair.docstring], FUNCTIONS[pair.function]
        assert own.repository == other.repository
        assert pair.is_gt == (own.id == other.id)
    assert set(partners) == {f.id for f in FUNCTIONS.values() if f.doc}
    for docstring, functions in partners.items():
        assert docstring in functions
        assert len(functions) <= 4
        assert all(docstring in partners[other] for other in functions)
    assert sum(len(functions) == 4 for functions in partners.values()) > 0.8 * len(partners)
    with pytest.raises(RecipeError, match="set hard_share to 0"):
        NegativeConfig(form="groups", hard_share=0.5)


@pytest.mark.parametrize("form", ["random", "groups"])
def test_a_share_of_the_docstrings_gets_pairs(form: Literal["random", "groups"]) -> None:
    everything = {pair.docstring for pair in pairs_of(NegativeConfig(k=1, form=form))}
    some = {pair.docstring for pair in pairs_of(NegativeConfig(k=1, form=form, share=0.4))}
    fewer = {pair.docstring for pair in pairs_of(NegativeConfig(k=1, form=form, share=0.2))}
    assert fewer < some < everything
    assert 0.3 < len(some) / len(everything) < 0.5
    with pytest.raises(RecipeError, match=r"negatives\.share is 0"):
        NegativeConfig(share=0)


def test_examples_of_guides_have_a_share_of_their_own() -> None:
    functions = [
        replace(function, path="docs/a.rst") if number % 2 else function
        for number, function in enumerate(FUNCTIONS.values())
        if function.doc
    ]
    guides = {function.id for function in functions if function.path == "docs/a.rst"}
    config = NegativeConfig(k=1, form="groups", share=0.01, guides_share=1.0)
    chosen = {pair.docstring for pair in pairs_of(config, functions)}
    assert guides <= chosen
    assert len(chosen - guides) < 0.1 * len(guides)
    with pytest.raises(RecipeError, match=r"negatives\.guides_share is 0"):
        NegativeConfig(guides_share=0)
