"""The trained model, the views it sees, its batches, and the way to a folder that the server loads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.encoder.static import ROLES, load_static
from oasis_train.data import Function, Twin, row_id
from oasis_train.static.export import export_static, quantise
from oasis_train.static.initial import frequency_weights, reduce_vectors
from oasis_train.static.languages import Weights, layer_without, without_languages
from oasis_train.static.train import (
    Batch,
    LabelledRows,
    StaticConfig,
    StaticModel,
    batches,
    embed_batch,
    in_batch_loss,
    order_loss,
    train_static,
    twin_loss,
)
from oasis_train.static.views import Bags, build_twins, build_views, stated_rows
from oasis_train.static.vocabulary import build_vocabulary, count_words


def function(repository: str, language: str, name: str, doc: str, code: str, container: str = "") -> Function:
    return Function(
        id=row_id(repository, name), repository=repository, revision="", licence="", path="a", start_line=1,
        language=language, name=name, container=container, signature="", doc=doc, code=code, callers=(),
        callees=(), split="train",
    )  # fmt: skip


ROWS = [
    function(
        "alpha",
        "python",
        "readFile",
        "Read a file.\nThe path must exist.",
        "def readFile(path): open(path)",
        container="Disk",
    ),
    function(
        "beta", "go", "Send", "Send one mail.", "func Send(mail Mail) error { return post(mail, mail) }"
    ),
]


def test_vocabulary_is_by_frequency_and_documentation_counts_more() -> None:
    counts = count_words(ROWS)
    assert counts["mail"] == 4 + 4  # four times in code, once in documentation with weight 4
    assert build_vocabulary(counts, 2, min_count=2) == ["mail", "path"]  # path: twice in code, once in words


def test_model_computes_what_the_exported_encoder_computes(tmp_path: Path) -> None:
    vocabulary = build_vocabulary(count_words(ROWS), 100, min_count=1)
    table = np.random.default_rng(1).normal(size=(len(vocabulary), 16)).astype(np.float32)
    model = StaticModel(table)
    with torch.no_grad():
        model.log_query.copy_(torch.linspace(-1, 1, len(vocabulary)))
    views = build_views(ROWS, vocabulary, code_damping=0.5)
    query_weights = model.log_query.detach().exp().numpy()
    export_static(
        tmp_path,
        vocabulary,
        table,
        {"code": np.ones(len(vocabulary), dtype=np.float32), "query": query_weights},
        name="small",
        damping={"code": 0.5, "query": 1.0},
        licence="Apache-2.0",
        training={},
    )
    encoder = load_static(tmp_path)
    both = np.arange(len(ROWS))
    for sums, bags, texts, role in (
        (model.sum_codes, views.code, [row.code for row in ROWS], "code"),
        (model.sum_queries, views.full, [row.doc for row in ROWS], "query"),
    ):
        ids, weights, lengths = bags.take(both)
        offsets = torch.from_numpy(np.cumsum(lengths) - lengths)
        trained = sums(torch.from_numpy(ids), torch.from_numpy(weights), offsets)
        expected = torch.nn.functional.normalize(trained, dim=1).detach().numpy()
        served = encoder.encode(texts, role="code" if role == "code" else "query")
        np.testing.assert_allclose(served, expected, atol=0.02)  # int8 rows


def test_model_with_layers_computes_what_the_exported_encoder_computes(tmp_path: Path) -> None:
    vocabulary = build_vocabulary(count_words(ROWS), 100, min_count=1)
    table = np.random.default_rng(1).normal(size=(len(vocabulary), 16)).astype(np.float32)
    torch.manual_seed(1)
    model = StaticModel(table, hidden=24)
    views = build_views(ROWS, vocabulary, code_damping=0.5)
    both = np.arange(len(ROWS))

    def trained(role: Role) -> Vectors:
        bags, encode = (
            (views.code, model.encode_codes) if role == "code" else (views.full, model.encode_queries)
        )
        ids, weights, lengths = bags.take(both)
        offsets = torch.from_numpy(np.cumsum(lengths) - lengths)
        vectors = encode(torch.from_numpy(ids), torch.from_numpy(weights), offsets)
        found: Vectors = torch.nn.functional.normalize(vectors, dim=1).detach().numpy()
        return found

    plain = trained("code")
    with torch.no_grad():
        for name, parameter in model.layers.named_parameters():
            if name.endswith("outer.weight"):
                parameter.normal_(std=0.5)
    assert np.abs(trained("code") - plain).max() > 0.1  # it starts as a layer that adds nothing
    export_static(
        tmp_path,
        vocabulary,
        table,
        {role: np.ones(len(vocabulary), dtype=np.float32) for role in ROLES},
        name="small",
        damping={"code": 0.5, "query": 1.0},
        licence="Apache-2.0",
        training={},
        heads=model.heads(),
    )
    encoder = load_static(tmp_path)
    codes = encoder.encode([row.code for row in ROWS], role="code")
    queries = encoder.encode([row.doc for row in ROWS], role="query")
    np.testing.assert_allclose(codes, trained("code"), atol=0.03)  # 8 bits
    np.testing.assert_allclose(queries, trained("query"), atol=0.03)


def test_name_view_hides_the_name_from_the_code() -> None:
    vocabulary = build_vocabulary(count_words(ROWS), 100, min_count=1)
    views = build_views(ROWS, vocabulary, code_damping=0.5)
    ids, _, lengths = views.code_without_name.take(np.array([1]))
    words = {vocabulary[i] for i in ids[: lengths[0]]}
    assert "send" not in words
    assert {"mail", "post"} <= words


def test_first_sentence_is_a_view_of_its_own_and_the_rest_is_shown_with_the_code() -> None:
    row = replace(ROWS[1], doc="Send one mail. The post office must be open.")
    vocabulary = build_vocabulary(count_words([row]), 100, min_count=1)
    views = build_views([row, ROWS[0]], vocabulary, code_damping=0.5)

    def words(bags: Bags, place: int) -> set[str]:
        return {vocabulary[token] for token in bags.take(np.array([place]))[0].tolist()}

    assert {"send", "one", "mail"} == words(views.first, 0)
    assert {"the", "post", "office", "must", "be", "open"} == words(views.rest, 0)
    assert words(views.full, 0) == words(views.first, 0) | words(views.rest, 0)


def test_solutions_of_one_task_are_no_negatives_of_each_other() -> None:
    rows = [replace(row, task="kata:two sums") for row in ROWS]
    vocabulary = build_vocabulary(count_words(rows), 100, min_count=1)
    table = np.random.default_rng(1).normal(size=(len(vocabulary), 16)).astype(np.float32)
    nothing = np.full(2, -1)
    batch = Batch(np.arange(2), np.ones(2, dtype=np.int64), nothing, np.zeros(2, dtype=np.bool_))

    def loss(rows: list[Function]) -> float:
        views, model = build_views(rows, vocabulary, code_damping=0.5), StaticModel(table)
        return in_batch_loss(views, *embed_batch(views, model, batch), batch, StaticConfig()).item()

    assert loss(rows) == 0  # there is nothing to be told from
    assert loss(ROWS) > 0


def test_batch_holds_a_share_from_one_repository_and_an_epoch_nearly_all_rows() -> None:
    repository = np.repeat(np.arange(20, dtype=np.int32), 50)
    config = StaticConfig(batch=100, share_from_one_repository=0.5)
    found = list(batches(repository, config, np.random.default_rng(0)))
    assert len(found) == 10
    for rows in found:
        assert len(set(rows.tolist())) == len(rows) >= 90
        assert np.bincount(repository[rows]).max() >= 40
    assert len({row for rows in found for row in rows.tolist()}) > 700


def test_quantised_rows_are_near_and_zero_rows_stay_zero() -> None:
    table = np.random.default_rng(2).normal(size=(5, 8)).astype(np.float32)
    table[3] = 0
    rows, scales = quantise(table)
    assert rows.dtype == np.int8
    np.testing.assert_allclose(rows * scales[:, None], table, atol=np.abs(table).max() / 250)
    assert not rows[3].any()


def test_reduced_vectors_keep_who_is_near_whom() -> None:
    generator = np.random.default_rng(3)
    centres = generator.normal(size=(3, 40))
    vectors = (np.repeat(centres, 10, axis=0) + 0.05 * generator.normal(size=(30, 40))).astype(np.float32)
    reduced = reduce_vectors(vectors, 4)
    scores = reduced @ reduced.T
    np.fill_diagonal(scores, -1)
    assert (scores.argmax(axis=1) // 10).tolist() == np.repeat([0, 1, 2], 10).tolist()
    assert reduce_vectors(vectors[:2], 64).shape == (2, 64)


def test_frequent_words_start_below_rare_ones() -> None:
    weights = frequency_weights(np.array([1000, 10, 1]), 1e-3)
    assert weights[0] < weights[1] < weights[2] <= 1.02


def test_order_loss_is_cosent_of_the_cosines_that_the_model_serves() -> None:
    vocabulary = build_vocabulary(count_words(ROWS), 100, min_count=1)
    table = np.random.default_rng(1).normal(size=(len(vocabulary), 16)).astype(np.float32)
    model, views = StaticModel(table), build_views(ROWS, vocabulary, code_damping=0.5)
    labelled = LabelledRows(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([0.9, 0.2, 0.7], np.float32))
    loss = order_loss(views, model, labelled, np.arange(3), scale=2.0)
    ids, weights, lengths = views.full.take(np.arange(2))
    docs = model.sum_queries(*map(torch.from_numpy, (ids, weights, np.cumsum(lengths) - lengths)))
    ids, weights, lengths = views.code.take(np.arange(2))
    codes = model.sum_codes(*map(torch.from_numpy, (ids, weights, np.cumsum(lengths) - lengths)))
    cosines = torch.nn.functional.cosine_similarity(docs[[0, 0, 1]], codes[[0, 1, 1]]).tolist()
    pairs = [(0, 2), (2, 1), (0, 1)]  # greater label, smaller label
    expected = np.log(1 + sum(np.exp(2 * (cosines[low] - cosines[high])) for high, low in pairs))
    assert abs(loss.item() - expected) < 1e-5


def test_order_labels_move_a_wrong_pair_up() -> None:
    rows = [function("r", "python", f"f{n}", f"word{n} thing.", f"def f{n}(): other{n}()") for n in range(8)]
    vocabulary = build_vocabulary(count_words(rows), 100, min_count=1)
    table = np.random.default_rng(1).normal(size=(len(vocabulary), 16)).astype(np.float32)
    views = build_views(rows, vocabulary, code_damping=0.5)
    labels = np.array([0.9 if (n, m) == (0, 1) or n == m else 0.1 for n in range(8) for m in range(8)])
    pairs = LabelledRows(np.repeat(np.arange(8), 8), np.tile(np.arange(8), 8), labels.astype(np.float32))

    def similarity(weights: tuple[float, float]) -> float:
        model = StaticModel(table)
        config = StaticConfig(dim=16, epochs=60, batch=8, learning_rate=0.05, weights=weights, pairs=64)
        train_static(views, model, config, pairs)
        scores = []
        for code in (1, 2):
            chosen = LabelledRows(np.array([0]), np.array([code]), np.array([0.0], np.float32))
            queries = views.full.take(chosen.doc)
            codes = views.code.take(chosen.code)
            q = model.sum_queries(*map(torch.from_numpy, (queries[0], queries[1], np.array([0]))))
            c = model.sum_codes(*map(torch.from_numpy, (codes[0], codes[1], np.array([0]))))
            scores.append(torch.nn.functional.cosine_similarity(q, c).item())
        return scores[0] - scores[1]

    assert similarity((0.5, 0.5)) > similarity((1.0, 0.0)) + 0.2


def test_a_table_without_languages_brings_codes_of_two_languages_together() -> None:
    generator = np.random.default_rng(5)
    keywords = {"python": "def self none", "java": "public static void", "go": "func nil err"}
    rows = [
        function("r", language, f"f{n}", f"thing{n % 7}.", f"{words} thing{n % 7} " * 3)
        for language, words in keywords.items()
        for n in range(60)
    ]
    vocabulary = build_vocabulary(count_words(rows), 100, min_count=1)
    table = generator.normal(size=(len(vocabulary), 24)).astype(np.float32)
    views = build_views(rows, vocabulary, code_damping=0.5)
    changed = without_languages(table, views, 2, seed=1)

    def share_of_nearest_with_the_same_thing(rows_of: Vectors) -> float:
        ids, weights, lengths = views.code.take(np.arange(len(rows)))
        sums = np.add.reduceat(rows_of[ids] * weights[:, None], np.cumsum(lengths) - lengths)
        vectors = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        scores = vectors[:60] @ vectors[60:].T  # Python's against those of the others
        return float(np.mean([best % 60 % 7 == n % 7 for n, best in enumerate(scores.argmax(axis=1))]))

    assert share_of_nearest_with_the_same_thing(changed) == 1.0
    assert np.linalg.matrix_rank(table - changed) == 2
    assert np.array_equal(without_languages(table, views, 0, seed=1), table)
    alone = build_views([row for row in rows if row.language == "go"], vocabulary, code_damping=0.5)
    assert np.array_equal(without_languages(table, alone, 5, seed=1), table)


def test_a_layer_without_directions_gives_vectors_without_them() -> None:
    generator = np.random.default_rng(6)
    inner, outer = generator.normal(size=(16, 12)), generator.normal(size=(12, 16)) / 4
    weights = (
        inner.astype(np.float32),
        generator.normal(size=12).astype(np.float32),
        outer.astype(np.float32),
    )
    axes = np.linalg.qr(generator.normal(size=(16, 3)))[0].T.astype(np.float32)
    rows = generator.normal(size=(5, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    def computed(layer: Weights) -> Vectors:
        found: Vectors = rows + np.maximum(rows @ layer[0] + layer[1], 0) @ layer[2]
        return found

    plain, changed = computed(weights), computed(layer_without(weights, axes))
    np.testing.assert_allclose(changed, plain - (plain @ axes.T) @ axes, atol=1e-5)
    assert layer_without(weights, np.zeros((0, 0), np.float32)) is weights


def test_what_a_task_asks_for_describes_its_solutions_and_is_no_code() -> None:
    stated = Twin("1", ROWS[1].id, ROWS[1].id, "how to send a letter", 0.9, "statement")
    named = Twin("2", "", ROWS[0].id, "func read() {}", 0.9, "name")
    (row,) = stated_rows([stated, named], ROWS)
    assert (row.doc, row.code, row.id) == ("how to send a letter", ROWS[1].code, "1")
    vocabulary = build_vocabulary(count_words(ROWS), 100, min_count=1)
    assert build_twins([stated, named], ROWS, vocabulary, code_damping=0.5).row.tolist() == [0]


def test_twins_are_told_from_other_codes() -> None:
    words = [("sum", "total"), ("mail", "post"), ("open", "read"), ("kill", "stop"), ("join", "merge")]
    rows = [
        function("r", "python", f"f{n}", "", f"def f{n}(): {word}()") for n, (word, _) in enumerate(words)
    ]
    texts = [f"func g() {{ {word}() }}" for _, word in words]
    twins = [Twin(f"{n:016x}", "", row.id, texts[n], 0.9, "name") for n, row in enumerate(rows)]
    rows = [replace(row, doc=f"Word {n}.") for n, row in enumerate(rows)]
    counts = count_words([*rows, *(replace(row, code=text) for row, text in zip(rows, texts, strict=True))])
    vocabulary = build_vocabulary(counts, 200, min_count=1)
    table = np.random.default_rng(1).normal(size=(len(vocabulary), 16)).astype(np.float32)
    views = build_views(rows, vocabulary, code_damping=0.5)
    bags = build_twins(twins, rows, vocabulary, code_damping=0.5)
    assert bags.row.tolist() == [0, 1, 2, 3, 4]
    model, everything = StaticModel(table), np.arange(5)
    before = twin_loss(views, model, bags, everything, 0.06).item()
    config = StaticConfig(dim=16, epochs=60, batch=5, learning_rate=0.05, twins=1.0, twin_batch=5)
    train_static(views, model, config, twins=bags)
    assert twin_loss(views, model, bags, everything, 0.06).item() < 0.2 * before
