"""Recorded sessions of real editors, replayed as they were and as other clients would have held them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from tests.conformance.replay import Message, Player, Session, load_session

SESSIONS = sorted((Path(__file__).parent / "sessions").glob("*.jsonl"))
assert SESSIONS, "no session was recorded"
CANCELLED = -32800
UNITS = {"utf-8": 1, "utf-16": 2, "utf-32": 4}

Change = Callable[[Message], None]


@pytest.fixture(params=SESSIONS, ids=lambda path: path.stem)
def session(request: pytest.FixtureRequest) -> Session:
    return load_session(request.param)


@pytest.fixture
def places(session: Session, tmp_path: Path) -> dict[str, str]:
    """The session's folders, written anew, and a cache folder."""
    found = {"cache": str(tmp_path / "cache")}
    for name, files in session.folders.items():
        folder = tmp_path / f"{name} — ä b"
        for relative, text in files.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (folder / ".git").mkdir()
        found[name] = str(folder)
    return found


def as_recorded(initialize: Message) -> None:
    del initialize


def in_encoding(name: str) -> Change:
    def change(initialize: Message) -> None:
        initialize["params"]["capabilities"].setdefault("general", {})["positionEncodings"] = [name]

    return change


def without_comfort(initialize: Message) -> None:
    """No progress, no watching of files, no configuration, no documents shown."""
    capabilities = initialize["params"]["capabilities"]
    capabilities["window"] = {}
    for name in ("configuration", "didChangeWatchedFiles", "didChangeConfiguration"):
        capabilities.get("workspace", {}).pop(name, None)


CHANGES: Mapping[str, Change] = {
    "as recorded": as_recorded,
    **{name: in_encoding(name) for name in UNITS},
    "without comfort": without_comfort,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_answer_is_the_recorded_one(session: Session, places: dict[str, str], change: Change) -> None:
    recorded = {line["message"]["id"]: line["message"] for line in _answers_of_server(session)}
    cancelled = {
        line["message"]["params"]["id"]
        for line in session.lines
        if line["message"].get("method") == "$/cancelRequest"
    }
    with Player(places) as player:
        texts: dict[str, str] = {}
        encoding = "utf-16"
        is_asked_for_progress = True
        for line in session.lines:
            if line["from"] == "server":
                continue
            message = player.filled(line["message"])
            method = message.get("method")
            if method is None:
                continue  # an answer to the server: given when it asks
            if method == "initialize":
                change(message)
                is_asked_for_progress = bool(
                    message["params"]["capabilities"].get("window", {}).get("workDoneProgress")
                )
            if method == "textDocument/didOpen":
                document = message["params"]["textDocument"]
                texts[document["uri"]] = document["text"]
            if method == "textDocument/didChange":
                _edit(texts, message["params"], encoding)
            if "id" not in message:
                player.say(message)
                continue
            if message["id"] in cancelled:
                player.say(message)
                answer = player.answer_to(message["id"])
                assert "result" in answer or answer["error"]["code"] == CANCELLED
                continue
            expected = player.filled(recorded[message["id"]])
            answer = _until_equal(player, message, expected)
            if method == "initialize":
                encoding = answer["result"]["capabilities"]["positionEncoding"]
                assert encoding in message["params"]["capabilities"]["general"]["positionEncodings"]
            for hit in _hits(answer.get("result")):
                _check_place(hit, texts, encoding)
        assert player.left() == 0
        assert is_asked_for_progress or "window/workDoneProgress/create" not in player.asked


def test_paths_of_windows_are_refused_or_answered_and_nothing_breaks(
    session: Session, places: dict[str, str]
) -> None:
    windows = {name: f"/c%3A/Users/Ada Lovelace/{name}" for name in session.folders}
    with Player({**windows, "cache": places["cache"]}) as player:
        for line in session.lines:
            if line["from"] == "server" or "method" not in line["message"]:
                continue
            message = player.filled(line["message"])
            player.say(message)
            if "id" in message:
                answer = player.answer_to(message["id"])
                assert "result" in answer or answer["error"]["message"]
        assert player.left() == 0


def test_vscode_sends_no_setting_that_nobody_set() -> None:
    """A default that it sent would outweigh the user's own settings.toml."""
    (path,) = (path for path in SESSIONS if path.stem == "vscode")
    messages = [(line["from"], line["message"]) for line in load_session(path).lines]
    (started,) = (message for _, message in messages if message.get("method") == "initialize")
    assert "initializationOptions" not in started["params"]
    asked = {
        message["id"]
        for who, message in messages
        if who == "server" and message.get("method") == "workspace/configuration"
    }
    answers = [
        message["result"] for who, message in messages if who == "client" and message.get("id") in asked
    ]
    assert answers
    assert all(answer == [{}] for answer in answers)


def _answers_of_server(session: Session) -> list[Mapping[str, Any]]:
    return [line for line in session.lines if line["from"] == "server" and "method" not in line["message"]]


def _until_equal(player: Player, message: Message, expected: Message) -> Message:
    """The answer that says what was recorded; asked again while the index catches up with what was typed."""
    n_asked = 0
    while True:
        asked = message if not n_asked else {**message, "id": f"{message['id']} again {n_asked}"}
        player.say(asked)
        answer = player.answer_to(asked["id"])
        if _gist(answer) == _gist(expected) or message["method"] == "initialize":
            return answer
        n_asked += 1
        if n_asked > 100:
            assert _gist(answer) == _gist(expected), message
        player.listen(player.is_ready)
        player.notes = player.notes[-200:]


def _gist(answer: Message) -> object:
    """What does not depend on the state of indexing, on time, or on how columns are counted."""
    if "error" in answer and answer["error"] is not None:
        return answer["error"]["code"]
    result = answer["result"]
    if not isinstance(result, dict):
        return result
    if "groups" in result:
        return [[(hit["uri"], hit["name"]) for hit in group["members"]] for group in result["groups"]]
    if "hits" in result:
        first = [(hit["uri"], hit["name"]) for hit in result["hits"][:1]]
        return first, result.get("origin"), "message" in result
    if "folders" in result:
        return sorted(folder["uri"] for folder in result["folders"])
    return sorted(result)


def _hits(result: object) -> list[Message]:
    if not isinstance(result, dict):
        return []
    groups = [group["members"] for group in result.get("groups", ())]
    return [*result.get("hits", ()), *result.get("copies", ()), *(hit for group in groups for hit in group)]


def _check_place(hit: Message, texts: Mapping[str, str], encoding: str) -> None:
    """The name stands where the hit says, in the text that the editor has."""
    path = Path(unquote(urlparse(hit["uri"]).path))
    text = texts.get(hit["uri"]) or path.read_text(encoding="utf-8")
    start, end = hit["selectionRange"]["start"], hit["selectionRange"]["end"]
    if hit["name"] == path.name or start["line"] != end["line"]:
        return  # a passage of text has no name of its own
    line = text.splitlines()[start["line"]]
    found = line[_column(line, start["character"], encoding) : _column(line, end["character"], encoding)]
    assert found == hit["name"]


def _edit(texts: dict[str, str], params: Message, encoding: str) -> None:
    uri = params["textDocument"]["uri"]
    for change in params["contentChanges"]:
        if "range" not in change:
            texts[uri] = change["text"]
            continue
        lines = texts[uri].splitlines(keepends=True)
        offsets = []
        for place in (change["range"]["start"], change["range"]["end"]):
            before = sum(map(len, lines[: place["line"]]))
            line = lines[place["line"]] if place["line"] < len(lines) else ""
            offsets.append(before + _column(line, place["character"], encoding))
        texts[uri] = texts[uri][: offsets[0]] + change["text"] + texts[uri][offsets[1] :]


def _column(line: str, units: int, encoding: str) -> int:
    """Characters before a column that is counted in units of an encoding."""
    coded = line.encode(encoding if encoding == "utf-8" else f"{encoding}-le")
    return len(coded[: units * UNITS[encoding]].decode(encoding if encoding == "utf-8" else f"{encoding}-le"))
