"""Measurements, baselines and tables, with published rows where they may be compared."""

import math
from collections import Counter

import numpy as np
import pytest

from oasis_search.encoder import HashingEncoder, Role, Vectors
from oasis_search.syntax import identifiers, terms
from oasis_train.evaluation.bm25 import Bm25, rank_by_bm25
from oasis_train.evaluation.evaluate import ALL_METRICS, SuiteResult, evaluate, measure
from oasis_train.evaluation.published import load_published
from oasis_train.evaluation.significance import compare_suites
from oasis_train.evaluation.suites import Pool, Suite
from oasis_train.evaluation.tables import (
    comparisons_table,
    markdown_table,
    model_facts,
    models_facts,
    pools_table,
)

CODES = (
    "def read_json(path): return json.load(open(path))",
    "def send_mail(to, text): smtp.send(to, text)",
    "def sort_list(items): return sorted(items)",
    "def close_socket(socket): socket.close()",
)
QUERIES = ("read json from a path", "send a mail", "sort items of a list", "hang up")


def _suite(name: str = "tiny") -> Suite:
    ids = tuple("abcd")
    pool = Pool("python", ids, CODES, QUERIES, tuple({item: 1.0} for item in ids), (None,) * 4, ids)
    return Suite(name, "nl2code", "MRR@1000", (pool,))


def _result(name: str, value: float, *, queries: int, corpus: int, metric: str = "MRR@1000") -> SuiteResult:
    pools = {"all": value}
    return SuiteResult(name, "nl2code", metric, value, value - 1, value + 1, pools, queries, corpus, 9.0)


def test_bm25_is_the_formula() -> None:
    index = Bm25(CODES)
    bags = [Counter(term for name in identifiers(code) for term in terms(name)) for code in CODES]
    mean = sum(bag.total() for bag in bags) / len(bags)
    for repeated in (False, True):
        words = Counter(term for name in identifiers("read path, read it") for term in terms(name))
        expected = []
        for bag in bags:
            score = 0.0
            for word, n in words.items():
                df = sum(word in other for other in bags)
                idf = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5))
                saturation = bag[word] + 1.2 * (0.25 + 0.75 * bag.total() / mean)
                score += (n if repeated else 1) * idf * bag[word] / saturation
            expected.append(score)
        np.testing.assert_allclose(index.scores("read path, read it", repeated=repeated), expected, rtol=1e-6)
    assert index.scores("zebra", repeated=False).tolist() == [0.0] * 4


def test_bm25_ranks_what_shares_words_first() -> None:
    assert rank_by_bm25(_suite().pools[0], "nl2code")[:3] == [[1], [1], [1]]


def test_measurement_holds_what_the_result_sums_up() -> None:
    found = measure(HashingEncoder(dim=512), _suite())
    assert found.result.value == pytest.approx(100 * np.mean(found.of("MRR@1000")["python"]))
    assert found.figures["MRR@1000"] == pytest.approx(found.result.value)
    assert set(found.figures) == set(ALL_METRICS)
    again = evaluate(HashingEncoder(dim=512), _suite())
    assert (again.value, again.low, again.high) == (found.result.value, found.result.low, found.result.high)


class _Counting(HashingEncoder):
    """Counts the texts that it encodes."""

    n_texts = 0

    def encode(self, texts: object, role: Role = "code") -> Vectors:
        listed = list(texts)  # type: ignore[call-overload]
        self.n_texts += len(listed)
        return super().encode(listed, role)


def test_code_that_is_query_and_item_is_encoded_once_with_the_same_outcome() -> None:
    ids = tuple("abcd")
    gains = ({"b": 1.0}, {"a": 1.0}, {"d": 1.0})
    queries = (*CODES[:2], "def sort_all(items): return sorted(items)")
    pool = Pool("python", ids, CODES, queries, gains, ("a", "b", None))
    encoder = _Counting(dim=256)
    found = measure(encoder, Suite("c2c", "code2code", "MAP", (pool,)))
    assert encoder.n_texts == len(CODES) + 1
    vectors = HashingEncoder(dim=256).encode([*queries, *CODES])
    scores = vectors[:3] @ vectors[3:].T
    assert found.of("MAP")["python"][2] == 1 / (1 + int((scores[2] > scores[2][3]).sum()))


def test_published_rows_stand_only_where_queries_pool_and_form_are_theirs() -> None:
    ours = {
        "mine": [
            _result("cosqa", 50.0, queries=500, corpus=6267),
            _result("advtest joined", 40.0, queries=19210, corpus=19210),
            _result("csn-go", 80.0, queries=8122, corpus=28120),
            _result("csn-ruby joined", 60.0, queries=9, corpus=99),
        ]
    }
    lines = markdown_table(ours).splitlines()
    oasis = next(line for line in lines if line.startswith("| OASIS-1.5B"))
    assert [cell.strip() for cell in oasis.split("|")[2:6]] == ["55.77", "57.27", "-", "-"]
    assert "csn-go MRR@1000 ¹" in lines[0]
    assert "| mine | 50.00 [49.0, 51.0] |" in lines[2]
    assert any(line.startswith("¹") for line in lines)


MEANS = {
    "csn": {
        "text-embedding-3-large": 72.40,
        "CodeSage-large v1": 71.24,
        "OASIS-1.5B": 74.16,
        "CodeRankEmbed 137M": 77.92,
    },
    "nl2code": {"OASIS-1.5B": 69.75},
    "code2code": {"OASIS-1.5B": 47.87},
}
"""As published, beside the columns."""


def test_published_means_are_those_of_their_columns() -> None:
    published = load_published()
    for row in published.rows:
        csn = [value for name, value in row.values.items() if name.startswith("csn-")]
        if len(csn) == 6:
            assert sum(csn) / 6 == pytest.approx(MEANS["csn"][row.model], abs=0.011)
    oasis = next(row for row in published.rows if row.model == "OASIS-1.5B")
    nl2code = [value for name, value in oasis.values.items() if not name.startswith("code2code")]
    assert sum(nl2code) / 8 == pytest.approx(MEANS["nl2code"]["OASIS-1.5B"], abs=0.006)
    code2code = [value for name, value in oasis.values.items() if name.startswith("code2code")]
    assert sum(code2code) / 9 == pytest.approx(MEANS["code2code"]["OASIS-1.5B"], abs=0.006)
    assert published.ablation["full"] == MEANS["nl2code"]["OASIS-1.5B"]


def test_models_stand_side_by_side_with_marks_and_facts() -> None:
    fine, coarse = HashingEncoder(dim=512), HashingEncoder(dim=2)
    measured = {"fine": [measure(fine, _suite())], "coarse": [measure(coarse, _suite())]}
    compared = compare_suites(measured["fine"], measured["coarse"])
    facts = models_facts(measured, compared)
    assert [model["model"] for model in facts["models"]] == ["fine", "coarse"]
    assert facts["models"][0]["suites"][0]["figures"]["recall@10"] == 100.0
    assert facts["comparisons"][0]["suite"] == "tiny"
    assert facts["published"] == []
    results = {model: [one.result for one in found] for model, found in measured.items()}
    assert len(markdown_table(results, compared).split("\n")) > 4
    assert f"{compared[0].difference:+.2f}" in comparisons_table(compared)
    assert set(model_facts("fine", results["fine"])["suites"][0]) == set(SuiteResult.__slots__)


def test_pools_get_a_table_of_their_own_when_there_are_several() -> None:
    many = SuiteResult("csn", "nl2code", "MRR@1000", 50, 49, 51, {"go": 40.0, "php": 60.0}, 2, 4, 9.0)
    table = pools_table({"mine": [many], "other": [_result("cosqa", 1, queries=1, corpus=1)]})
    assert table.splitlines()[0] == "| csn | go | php | mean |"
    assert "| mine | 40.00 | 60.00 | 50.00 |" in table
    assert "cosqa" not in table
