"""What stands first: small workspaces, one question each."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from oasis_search.encoder import HashingEncoder
from oasis_search.errors import Cancelled
from oasis_search.index import Delta, Snapshot
from oasis_search.search import Filter, Hit, Query, search
from oasis_search.search.weights import WEIGHTS

Build = Callable[[Mapping[str, str]], Snapshot]

ENCODER = HashingEncoder(64)

DATES = """\
def parse_date(text):
    \"\"\"Read an HTTP date.\"\"\"
    return strptime(text)


def format_date(moment):
    return moment.strftime()
"""
CLIENT = """\
from dates import parse_date


class Client:
    def expires(self, headers):
        return parse_date(headers["Expires"])

    def retry(self, request):
        \"\"\"Send a request again after a failure.\"\"\"
        return self.send(request)
"""
WORKSPACE = {
    "src/dates.py": DATES,
    "src/client.py": CLIENT,
    "tests/test_dates.py": "def test_parse_date():\n    assert parse_date('x') == parse_date('y')\n",
    "README.md": "Parse a date, retry a request.\n",
}


def found(hits: list[Hit]) -> list[tuple[str, str]]:
    return [(hit.path, hit.name) for hit in hits]


def check(
    snapshot: Snapshot, query: str, first: str, *, encoder: HashingEncoder | None = ENCODER
) -> list[Hit]:
    hits = search(snapshot, Query(query), encoder)
    assert hits, query
    path, _, name = first.partition(":")
    assert hits[0].path == path, found(hits)
    assert not name or hits[0].name == name, found(hits)
    return hits


@pytest.mark.parametrize("query", ["parse_date", "parseDate", "PARSE_DATE", "parse_date()"])
@pytest.mark.parametrize("encoder", [ENCODER, None])
def test_definition_of_a_name_comes_first(build: Build, query: str, encoder: HashingEncoder | None) -> None:
    hits = check(build(WORKSPACE), query, "src/dates.py:parse_date", encoder=encoder)
    assert "definition" in {reason.signal for reason in hits[0].reasons}
    assert hits[0].probability > 0.5


@pytest.mark.parametrize("query", ["Client.retry", "Client::retry", "client.retry()"])
def test_qualified_name_finds_the_method_of_that_class(build: Build, query: str) -> None:
    other = {"src/pool.py": "class Pool:\n    def retry(self):\n        return self.retry()\n"}
    check(build({**WORKSPACE, **other}), query, "src/client.py:retry")


def test_question_in_words_finds_the_function(build: Build) -> None:
    hits = check(build(WORKSPACE), "how is a failed request sent again", "src/client.py:retry")
    assert any(reason.signal == "lexical" and "again" in reason.detail for reason in hits[0].reasons)


def test_tests_come_after_the_implementation_unless_asked_for(build: Build) -> None:
    texts = {
        "lib/a.py": "def close_pool():\n    pass\n",
        "tests/test_a.py": "def check_close_pool():\n    close_pool()\n",
    }
    snapshot = build(texts)
    plain = search(snapshot, Query("close the pool now"), ENCODER)
    asked = search(snapshot, Query("tests that close the pool now"), ENCODER)
    assert [hit.path for hit in plain] == ["lib/a.py", "tests/test_a.py"]
    assert "demoted" in {reason.signal for reason in plain[1].reasons}
    assert all(reason.signal != "demoted" for hit in asked for reason in hit.reasons)
    assert asked[0].path == "tests/test_a.py"


def test_older_of_two_versions_comes_later_unless_named(build: Build) -> None:
    text = "def build_schema(shape):\n    return shape\n"
    snapshot = build({"api/v1/schema.py": text, "api/v2/schema.py": text})
    check(snapshot, "build_schema", "api/v2/schema.py", encoder=None)
    asked = search(snapshot, Query("v1 schema building"), None)
    assert asked[0].score == pytest.approx(asked[-1].score, rel=0.7)
    assert asked[0].path == "api/v1/schema.py"


def test_file_that_has_the_name_is_the_main_one(build: Build) -> None:
    part = "namespace Db {\n  public partial class Mapper {\n    public int Run() { return 1; }\n  }\n}\n"
    snapshot = build({"Db/Mapper.Async.cs": part, "Db/Mapper.cs": part, "Db/Extra.cs": part})
    check(snapshot, "Mapper", "Db/Mapper.cs:Mapper")


def test_names_of_the_path_count(build: Build) -> None:
    text = "def run(value):\n    return value\n"
    check(
        build({"src/cookies.py": text, "src/other.py": text, "src/third.py": text}),
        "cookie handling",
        "src/cookies.py",
    )


def test_other_files_come_before_more_of_the_same(build: Build) -> None:
    same = "\n\n".join(f"def read_socket_{i}():\n    return socket.read()" for i in range(10))
    snapshot = build({"net/all.py": same, "net/one.py": "def wait():\n    socket.read()\n    return 1\n"})
    hits = search(snapshot, Query("read from the socket"), ENCODER)
    assert "net/one.py" in [hit.path for hit in hits[:4]]


def test_pieces_of_one_long_function_are_one_hit(build: Build) -> None:
    body = "\n".join(
        f"    table[{i}] = compute_entry(table, {i}, 'some text to make it long')" for i in range(400)
    )
    snapshot = build({"src/long.py": f"def fill_table(table):\n{body}\n    return table\n"})
    assert snapshot.n_units > 1
    assert found(search(snapshot, Query("fill_table"), ENCODER)) == [("src/long.py", "fill_table")]


def test_equal_hits_are_ordered_by_path_and_place(build: Build) -> None:
    twin = "def twin():\n    return 1\n"
    snapshot = build({f"p{i}/x.py": f"{twin}\n\n{twin}" for i in (3, 1, 2)})
    hits = search(snapshot, Query("twin"), ENCODER)
    assert [(hit.path, hit.span.start_byte > 0) for hit in hits] == [
        ("p1/x.py", False),
        ("p2/x.py", False),
        ("p3/x.py", False),
        ("p1/x.py", True),
        ("p2/x.py", True),
        ("p3/x.py", True),
    ]


def test_scores_fall_and_probabilities_are_shares(build: Build) -> None:
    hits = search(build(WORKSPACE), Query("parse a date and retry the request"), ENCODER)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.probability <= 1 and hit.reasons for hit in hits)


def test_limit_is_kept(build: Build) -> None:
    snapshot = build(WORKSPACE)
    assert len(search(snapshot, Query("date", limit=2), ENCODER)) == 2
    assert search(snapshot, Query("date", limit=0), ENCODER) == []


def test_filter_restricts_hits_of_every_tier(build: Build) -> None:
    snapshot = build(WORKSPACE)
    for restriction in (Filter(globs=("tests/",)), Filter(globs=("!src/", "!*.md"))):
        for query in ("parse_date", "read a date", "request"):
            hits = search(snapshot, Query(query, filter=restriction), ENCODER)
            assert {hit.path for hit in hits} <= {"tests/test_dates.py"}
    assert search(snapshot, Query("date", filter=Filter(languages=frozenset({"go"}))), ENCODER) == []


@pytest.mark.parametrize("text", ["", "  ", "???", "::()", "\x00\x01"])
def test_query_without_words_finds_nothing(build: Build, text: str) -> None:
    assert search(build(WORKSPACE), Query(text), ENCODER) == []


def test_query_of_a_hundred_kilobytes_is_answered(build: Build) -> None:
    check(build(WORKSPACE), "retry the request " + "lorem ipsum dolor " * 6000, "src/client.py")


def test_empty_snapshot_has_no_hits() -> None:
    assert search(Snapshot(), Query("parse_date"), ENCODER) == []


def test_removed_file_is_never_a_hit(build: Build) -> None:
    snapshot = build(WORKSPACE).apply(Delta(removed=["src/dates.py"]))
    for query in ("parse_date", "format a date", "http"):
        assert "src/dates.py" not in {hit.path for hit in search(snapshot, Query(query), ENCODER)}


def test_vectors_of_another_encoder_are_not_used(build: Build) -> None:
    snapshot = build(WORKSPACE)
    hits = search(snapshot, Query("parse a date"), HashingEncoder(32))
    assert hits == search(snapshot, Query("parse a date"), None)
    assert all(reason.signal != "static" for hit in hits for reason in hit.reasons)


def test_cancelled_search_raises(build: Build) -> None:
    with pytest.raises(Cancelled):
        search(build(WORKSPACE), Query("parse_date"), ENCODER, cancelled=lambda: True)


def test_weights_can_leave_a_signal_out(build: Build) -> None:
    snapshot = build(WORKSPACE)
    without = search(snapshot, Query("parse_date"), ENCODER, weights=replace(WEIGHTS, definition=0.0))
    assert without[0].score < search(snapshot, Query("parse_date"), ENCODER)[0].score
