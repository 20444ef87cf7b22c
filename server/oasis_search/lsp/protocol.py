"""Our own part of the protocol: every custom method and command, declared once, with its wire shapes.

docs/protocol.md is written from this table (`python -P -m oasis_search.lsp.page > docs/protocol.md`) and a
test fails when the two differ. Shapes are what travels as JSON; core types never do. Standard methods are not
repeated here. Imports nothing heavy: the table is read before the server's libraries are loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, NotRequired, TypedDict

Encoding = Literal["utf-8", "utf-16", "utf-32"]

SEARCH = "oasis/search"
SEARCH_STREAM = "oasis/searchStream"
SIMILAR = "oasis/similar"
DUPLICATES = "oasis/duplicates"
STATUS = "oasis/status"
STATUS_CHANGED = "oasis/statusChanged"

SIMILAR_ACTION = "oasis.similar"
SEARCH_ACTION = "oasis.search"
"""Kinds of code actions."""

MAX_LIMIT = 200
"""More hits than a person reads; a wider net would only make every answer slower."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800
REQUEST_FAILED = -32803


class Position(TypedDict):
    """A place in a text, as the language server protocol defines it."""

    line: Annotated[int, "0-based"]
    character: Annotated[int, "0-based column in the negotiated `positionEncoding`"]


class Range(TypedDict):
    """From `start` up to, not including, `end`."""

    start: Position
    end: Position


class SearchParams(TypedDict):
    """A question and what may answer it."""

    query: Annotated[
        str,
        "the question in words, a name, or both; only its first 4,096 characters count. `lang:go`, "
        '`path:src/`, `kind:method`, `"exact words"` and `-test` in it restrict as the fields below do',
    ]
    limit: NotRequired[Annotated[int, "most hits wanted, 1 to 200; the setting `search.limit` when left out"]]
    folder: NotRequired[
        Annotated[str, "URI of the one open workspace folder to search; all of them when left out"]
    ]
    languages: NotRequired[Annotated[list[str], "only these languages, as `oasis search --lang` names them"]]
    globs: NotRequired[
        Annotated[
            list[str], "only paths that match one of these gitignore-style patterns; a leading `!` excludes"
        ]
    ]
    kinds: NotRequired[Annotated[list[str], "only these of `function`, `method`, `class`, `module`, `text`"]]
    exact: NotRequired[
        Annotated[list[str], "words that must stand in the code as they are, letter case aside"]
    ]
    without: NotRequired[
        Annotated[list[str], "words that must not stand in name or path; `test` leaves out test files"]
    ]
    streamToken: NotRequired[
        Annotated[str, "asks for `oasis/searchStream` with this token while the chosen model still thinks"]
    ]


class Reason(TypedDict):
    """Why a hit stands where it does."""

    signal: Annotated[
        str, "stable word: `lexical`, `static`, `definition`, `path`, `name`, `file`, `demoted`, ..."
    ]
    detail: Annotated[str, "for a person"]


class SearchHit(TypedDict):
    """One piece of code that answers, verified against the current text."""

    uri: str
    range: Annotated[Range, "the whole unit with its documentation comment and decorators"]
    selectionRange: Annotated[Range, "its name; for a unit without a name the line where its text begins"]
    name: Annotated[str, "as written in the source; the file's name for a unit without one"]
    kind: Annotated[str, "`function`, `method`, `class`, `module` or `text`"]
    language: str
    containerName: NotRequired[Annotated[str, "dotted names of what encloses it"]]
    score: Annotated[float, "comparable within this answer only"]
    probability: Annotated[float, "estimated chance that this answers the question, 0 to 1"]
    preview: Annotated[str, "the beginning of its text as it is now, unsaved edits included"]
    reasons: list[Reason]


class Coverage(TypedDict):
    """How much of the workspace an answer could see; shares from 0 to 1."""

    units: Annotated[int, "pieces of code and text found so far"]
    lexical: Annotated[float, "share searchable by words"]
    static: Annotated[float, "share searchable by meaning with the small table model"]
    model: Annotated[float, "share searchable by meaning with the chosen model"]


class SearchResult(TypedDict):
    """The answer, best hit first."""

    hits: list[SearchHit]
    coverage: Coverage
    model: Annotated[str, "which encoder ranked"]
    elapsedMs: float
    snapshot: Annotated[int, "grows whenever the index changed; equal numbers mean the same index"]
    message: NotRequired[
        Annotated[str, "a sentence when there is something to say, such as why nothing was found"]
    ]


class SearchStreamParams(TypedDict):
    """An answer that another will replace."""

    token: Annotated[str, "the request's `streamToken`"]
    result: SearchResult


class TextDocument(TypedDict):
    """A file, as the language server protocol names it."""

    uri: str


class SimilarParams(TypedDict):
    """A piece of code, and what may be like it: a place, a range or a text."""

    textDocument: NotRequired[Annotated[TextDocument, "the file that `position` or `range` is in"]]
    position: NotRequired[Annotated[Position, "means the function around it"]]
    range: NotRequired[
        Annotated[Range, "a selection; one that says too little (half a token) means the function around it"]
    ]
    text: NotRequired[Annotated[str, "code that is in no file, instead of a place"]]
    languageId: NotRequired[Annotated[str, "language of `text`, as editors call it"]]
    limit: NotRequired[Annotated[int, "most hits wanted, 1 to 200; the setting `search.limit` when left out"]]
    folder: NotRequired[Annotated[str, "URI of the one open workspace folder to search; all when left out"]]
    languages: NotRequired[Annotated[list[str], "only these languages"]]
    globs: NotRequired[Annotated[list[str], "only paths that match, as in `SearchParams`"]]
    kinds: NotRequired[Annotated[list[str], "only these kinds of unit"]]
    exact: NotRequired[Annotated[list[str], "as in `SearchParams`"]]
    without: NotRequired[Annotated[list[str], "as in `SearchParams`"]]


class SimilarHit(SearchHit):
    """One piece of code that is like the given one."""

    level: Annotated[
        str,
        "`exact` (but for layout and comments), `renamed` (other names or literals), `edited`, or "
        "`behaviour` (written anew)",
    ]


class SimilarResult(TypedDict):
    """The answer, the nearest first; never the piece itself nor what lies around or inside it."""

    hits: list[SimilarHit]
    copies: Annotated[list[SimilarHit], "those of level `exact`"]
    origin: Annotated[str, "what was compared: the name of a function, or `selection`"]
    coverage: Coverage
    model: Annotated[str, "which encoder ranked"]
    elapsedMs: float
    snapshot: int
    message: NotRequired[Annotated[str, "a sentence when there is something to say"]]


class DuplicatesParams(TypedDict):
    """Which copies are wanted."""

    folder: NotRequired[Annotated[str, "URI of the one open workspace folder to look in; all when left out"]]
    limit: NotRequired[
        Annotated[int, "most groups wanted, 1 to 200; the setting `search.limit` when left out"]
    ]
    level: NotRequired[
        Annotated[
            str,
            "the weakest level wanted: `exact`, `renamed`, `edited` or `behaviour`; `edited` when left out",
        ]
    ]
    languages: NotRequired[Annotated[list[str], "only these languages"]]
    globs: NotRequired[Annotated[list[str], "only paths that match, as in `SearchParams`"]]


class DuplicateGroup(TypedDict):
    """Functions that are copies of one another; a group lies within one folder."""

    level: Annotated[str, "of the weakest pair that holds the group together, as in `SimilarHit`"]
    lines: Annotated[float, "that merging would save, less where more has to be adapted"]
    members: Annotated[list[SearchHit], "in the order of their paths, each verified against present text"]


class DuplicatesResult(TypedDict):
    """The answer, what is most worth merging first."""

    groups: list[DuplicateGroup]
    total: Annotated[int, "groups found, of which `limit` are told"]
    units: Annotated[int, "functions and methods that were compared; those under five lines are not"]
    message: NotRequired[Annotated[str, "a sentence when there is something to say"]]


class FileProblem(TypedDict):
    """A file that could not be indexed, and why."""

    path: Annotated[str, "relative to the folder"]
    reason: Annotated[
        str, "stable word: `binary`, `too-large`, `minified`, `not-utf8`, `vanished`, `unreadable`, ..."
    ]
    detail: Annotated[str, "for a person"]


class FolderStatus(TypedDict):
    """What happens in one workspace folder."""

    uri: str
    phase: Annotated[str, "`scanning`, `indexing`, `ready`, `paused`, `disabled` or `failed`"]
    filesTotal: Annotated[int, "files to index as far as the walk knows"]
    filesDone: Annotated[int, "never falls within one run"]
    coverage: Coverage
    snapshot: int
    problems: Annotated[list[FileProblem], "the first ones; `problemCounts` counts all"]
    problemCounts: Annotated[dict[str, int], "files by reason"]
    embedded: Annotated[
        int, "units whose vectors were computed, not found in the store, since the server started"
    ]
    watching: Annotated[str, "who watches the disk: `client`, `own`, `polling` or `off`"]
    message: Annotated[str, "one sentence for a person, empty when all is well"]


class ModelStatus(TypedDict):
    """The chosen model, when it is more than the table that answers at once."""

    name: Annotated[str, "its own name; what was chosen before it was loaded"]
    phase: Annotated[str, "of its process: `idle`, `starting`, `loading`, `ready`, `restarting` or `failed`"]
    place: Annotated[str, "where it computes: the device, or where text is sent; empty before it was loaded"]
    dim: Annotated[int, "length of its vectors, 0 before it was loaded"]
    process: Annotated[int, "number of its process, 0 while there is none"]
    restarts: Annotated[int, "times its process ended without being asked to"]
    message: Annotated[str, "one sentence for a person, empty when all is well"]


class StatusResult(TypedDict):
    """The state of every open workspace folder."""

    version: Annotated[str, "of the server"]
    folders: list[FolderStatus]
    model: NotRequired[Annotated[ModelStatus, "left out when the table is all that was chosen"]]


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which a request is refused."""

    code: int
    name: str
    when: str


@dataclass(frozen=True, slots=True)
class Method:
    """One custom method."""

    name: str
    kind: Literal["request", "notification"]
    sender: Literal["client", "server"]
    summary: str
    capability: str
    """When it may be used."""
    params: type | None
    result: type | None
    failures: tuple[Failure, ...]
    example_params: Mapping[str, object] | None
    example_result: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Command:
    """One name for `workspace/executeCommand`."""

    name: str
    arguments: str
    result: str
    summary: str


_CANCELLED = Failure(REQUEST_CANCELLED, "RequestCancelled", "`$/cancelRequest` came before the answer")
_FAILED = Failure(
    REQUEST_FAILED, "RequestFailed", "the engine cannot answer; the message says why and what to do"
)
_INTERNAL = Failure(INTERNAL_ERROR, "InternalError", "a defect; its traceback is in the server's log")
_ANNOUNCED = "announced by `capabilities.experimental.oasis`"

_EXAMPLE_COVERAGE: Mapping[str, object] = {"units": 1284, "lexical": 1.0, "static": 1.0, "model": 1.0}
_EXAMPLE_MODEL: Mapping[str, object] = {
    "name": "/home/ada/models/mini",
    "phase": "ready",
    "place": "CPU, int8 ONNX, 2 threads",
    "dim": 640,
    "process": 4711,
    "restarts": 0,
    "message": "",
}
_EXAMPLE_STATUS: Mapping[str, object] = {
    "uri": "file:///home/ada/engine",
    "phase": "ready",
    "filesTotal": 96,
    "filesDone": 96,
    "coverage": _EXAMPLE_COVERAGE,
    "snapshot": 7,
    "problems": [{"path": "logo.svgz", "reason": "binary", "detail": "The file is binary."}],
    "problemCounts": {"binary": 1},
    "embedded": 0,
    "watching": "client",
    "message": "",
}

_EXAMPLE_HIT: Mapping[str, object] = {
    "uri": "file:///home/ada/engine/net/client.py",
    "range": {"start": {"line": 40, "character": 4}, "end": {"line": 57, "character": 24}},
    "selectionRange": {
        "start": {"line": 40, "character": 8},
        "end": {"line": 40, "character": 23},
    },
    "name": "send_with_retry",
    "kind": "method",
    "language": "python",
    "containerName": "Client",
    "score": 0.0325,
    "probability": 0.91,
    "preview": "def send_with_retry(self, request):\n    ...",
    "reasons": [{"signal": "static", "detail": "close in meaning"}],
}
_EXAMPLE_TWIN: Mapping[str, object] = {
    **_EXAMPLE_HIT,
    "uri": "file:///home/ada/engine/net/upload.py",
    "reasons": [],
}

METHODS: tuple[Method, ...] = (
    Method(
        SEARCH,
        "request",
        "client",
        "Finds code and text by meaning and by words in the open workspace folders, unsaved edits included. "
        "An empty query and an empty workspace give no hits and a message, not an error.",
        _ANNOUNCED,
        SearchParams,
        SearchResult,
        (
            Failure(
                INVALID_PARAMS,
                "InvalidParams",
                "a value has the wrong type, the limit is out of range, or a parameter, folder, language or "
                "kind is unknown; the message names it",
            ),
            _CANCELLED,
            _FAILED,
            _INTERNAL,
        ),
        {"query": "retry a request with exponential backoff", "limit": 5, "languages": ["python"]},
        {
            "hits": [_EXAMPLE_HIT],
            "coverage": _EXAMPLE_COVERAGE,
            "model": "static",
            "elapsedMs": 3.1,
            "snapshot": 7,
        },
    ),
    Method(
        SIMILAR,
        "request",
        "client",
        "Finds code that is like a given piece, across languages, and says how much of a copy each hit is. "
        "Unsaved edits count on both sides.",
        _ANNOUNCED,
        SimilarParams,
        SimilarResult,
        (
            Failure(
                INVALID_PARAMS,
                "InvalidParams",
                "a value has the wrong type, the limit is out of range, no piece is named, or a parameter, "
                "folder, language or kind is unknown; the message names it",
            ),
            _CANCELLED,
            _FAILED,
            _INTERNAL,
        ),
        {
            "textDocument": {"uri": "file:///home/ada/engine/net/client.py"},
            "position": {"line": 45, "character": 8},
            "limit": 5,
        },
        {
            "hits": [
                {
                    "uri": "file:///home/ada/engine/net/upload.py",
                    "range": {"start": {"line": 12, "character": 0}, "end": {"line": 27, "character": 17}},
                    "selectionRange": {
                        "start": {"line": 12, "character": 4},
                        "end": {"line": 12, "character": 19},
                    },
                    "name": "upload_patiently",
                    "kind": "function",
                    "language": "python",
                    "score": 0.83,
                    "probability": 0.83,
                    "preview": "def upload_patiently(request):\n    ...",
                    "reasons": [{"signal": "static", "detail": "similarity 0.83"}],
                    "level": "edited",
                }
            ],
            "copies": [],
            "origin": "send_with_retry",
            "coverage": _EXAMPLE_COVERAGE,
            "model": "static",
            "elapsedMs": 4.2,
            "snapshot": 7,
        },
    ),
    Method(
        DUPLICATES,
        "request",
        "client",
        "Finds groups of functions that are copies of one another, over whole folders: seconds for 10,000 "
        "functions, minutes for 100,000. Unsaved edits count.",
        _ANNOUNCED,
        DuplicatesParams,
        DuplicatesResult,
        (
            Failure(
                INVALID_PARAMS,
                "InvalidParams",
                "a value has the wrong type, the limit is out of range, or a parameter, folder, language or "
                "level is unknown; the message names it",
            ),
            _CANCELLED,
            _FAILED,
            _INTERNAL,
        ),
        {"limit": 5, "level": "renamed"},
        {
            "groups": [{"level": "exact", "lines": 17.0, "members": [_EXAMPLE_HIT, _EXAMPLE_TWIN]}],
            "total": 1,
            "units": 418,
        },
    ),
    Method(
        SEARCH_STREAM,
        "notification",
        "server",
        "The answer of the table alone, sent at once when `oasis/search` came with a `streamToken` and the "
        "answer of the chosen model takes longer. The result of the request replaces it.",
        f"{_ANNOUNCED}; sent only to who asked for it",
        SearchStreamParams,
        None,
        (),
        {
            "token": "7",
            "result": {
                "hits": [_EXAMPLE_HIT],
                "coverage": _EXAMPLE_COVERAGE,
                "model": "static",
                "elapsedMs": 3.1,
                "snapshot": 7,
            },
        },
        None,
    ),
    Method(
        STATUS,
        "request",
        "client",
        "Tells how far every open workspace folder is indexed, what could not be indexed and why.",
        _ANNOUNCED,
        None,
        StatusResult,
        (_INTERNAL,),
        None,
        {"version": "0.1.0", "folders": [_EXAMPLE_STATUS], "model": _EXAMPLE_MODEL},
    ),
    Method(
        STATUS_CHANGED,
        "notification",
        "server",
        "Sent when the state of one folder changes, about ten times a second at most while it is indexed. "
        "Standard work-done progress with the token `oasis/index` (then `oasis/index-2`, ...) is reported "
        "beside it to clients that support `window.workDoneProgress`; cancelling that progress pauses the "
        "indexing.",
        f"{_ANNOUNCED}; a client that has no use for it ignores it",
        FolderStatus,
        None,
        (),
        _EXAMPLE_STATUS,
        None,
    ),
)

RESULTS_SCHEME = "oasis-results"
"""Of the documents that `workspace/textDocumentContent` gives: answers as text."""

SEARCH_COMMAND = "oasis.search"
SIMILAR_COMMAND = "oasis.similar"
DUPLICATES_COMMAND = "oasis.duplicates"
SHOW_SEARCH_COMMAND = "oasis.showSearch"
SHOW_SIMILAR_COMMAND = "oasis.showSimilar"
STATUS_COMMAND = "oasis.status"
REINDEX_COMMAND = "oasis.reindex"
PAUSE_COMMAND = "oasis.pause"
RESUME_COMMAND = "oasis.resume"

COMMANDS: tuple[Command, ...] = (
    Command(
        SEARCH_COMMAND,
        "`[SearchParams]` or `[query]` or `[query, limit]`",
        "`SearchResult`",
        "As `oasis/search`. To a client that ignores the results of commands (Helix) the first hit is also "
        "shown by `window/showDocument`.",
    ),
    Command(
        SIMILAR_COMMAND,
        "`[SimilarParams]`",
        "`SimilarResult`",
        "As `oasis/similar`. To a client that ignores the results of commands the first hit is also shown.",
    ),
    Command(
        DUPLICATES_COMMAND, "none, or `[DuplicatesParams]`", "`DuplicatesResult`", "As `oasis/duplicates`."
    ),
    Command(
        SHOW_SEARCH_COMMAND,
        "as `oasis.search`",
        "`SearchResult`",
        "As `oasis.search`, and shows the answer: as a document `oasis-results:` to clients with "
        "`workspace/textDocumentContent` (LSP 3.18), else the first hit by `window/showDocument` and the "
        "first five in a message. What the code action *Search for this* does.",
    ),
    Command(
        SHOW_SIMILAR_COMMAND,
        "as `oasis.similar`",
        "`SimilarResult`",
        "As `oasis.similar`, and shows the answer likewise. What the code action *Find similar code* does.",
    ),
    Command(STATUS_COMMAND, "none", "`StatusResult`", "As `oasis/status`."),
    Command(
        REINDEX_COMMAND,
        "none, or `[folder URI]`",
        "`null`",
        "Forgets what is stored for the folder, or for every open folder, and indexes it anew.",
    ),
    Command(PAUSE_COMMAND, "none", "`null`", "Stops indexing until resumed; searching goes on."),
    Command(RESUME_COMMAND, "none", "`null`", "Goes on with indexing."),
)
