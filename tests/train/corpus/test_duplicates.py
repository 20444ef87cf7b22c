"""Duplicates: estimates against exact similarity, the first stays, and every process agrees."""

import random
import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oasis_train.corpus.duplicates import N_PERMUTATIONS, NearDuplicates, signature, word_key


def triples(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + 3]) for start in range(len(words) - 2)}


def jaccard(left: list[str], right: list[str]) -> float:
    return len(triples(left) & triples(right)) / len(triples(left) | triples(right))


def function(seed: int, n_words: int = 120) -> list[str]:
    pick = random.Random(seed)
    return [f"w{pick.randrange(500)}" for _ in range(n_words)]


def changed(words: list[str], n_changes: int, seed: int) -> list[str]:
    pick, copy = random.Random(seed), list(words)
    for place in pick.sample(range(len(words)), n_changes):
        copy[place] = f"other{pick.random()}"
    return copy


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n_changes=st.integers(0, 30))
def test_signatures_estimate_the_similarity_of_identifier_triples(seed: int, n_changes: int) -> None:
    left = function(seed)
    right = changed(left, n_changes, seed + 1)
    estimate = float((signature(left) == signature(right)).mean())
    assert abs(estimate - jaccard(left, right)) < 5 * 0.5 / N_PERMUTATIONS**0.5  # five standard errors


def test_near_copies_go_and_others_stay_whatever_lies_between() -> None:
    near = NearDuplicates(0.85)
    originals = [function(seed) for seed in range(300)]
    assert all(near.add(signature(words)) for words in originals)
    copies = [changed(words, 1, seed) for seed, words in enumerate(originals)]
    assert min(jaccard(a, b) for a, b in zip(originals, copies, strict=True)) > 0.94
    assert sum(near.add(signature(words)) for words in copies) <= 3
    others = [changed(words, 12, seed) for seed, words in enumerate(originals)]
    assert max(jaccard(a, b) for a, b in zip(originals, others, strict=True)) < 0.7
    assert all(near.add(signature(words)) for words in others)


def test_functions_of_few_words_have_signatures_too() -> None:
    assert np.array_equal(signature(["a", "b"]), signature(["b", "a", "b"][:2]))
    assert not np.array_equal(signature(["a", "b", "c"]), signature(["c", "b", "a"]))


def test_every_process_computes_the_same_signature_and_key() -> None:
    code = (
        "from oasis_train.corpus.duplicates import signature, word_key\n"
        "words = 'def read path return open path read'.split()\n"
        "print(word_key(words), signature(words).tolist())"
    )
    words = ["def", "read", "path", "return", "open", "path", "read"]
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output == f"{word_key(words)} {signature(words).tolist()}\n"
