"""The rows of the tables between stages, as plain values; a field here is a column on disk.

corpus -> Function, docstrings -> Docstring, negatives -> Pair, label -> LabelledPair, refine -> RefinedPair,
twins -> Twin.
A pair names its texts by id, so that no text is stored twice, however many negatives a docstring has.
"""

import hashlib
from dataclasses import dataclass


def row_id(*parts: str) -> str:
    """16 hex digits that name the `parts` and nothing else.

    >>> row_id("owner/name", "a.py") == row_id("owner/name", "a.py") != row_id("owner/namea", ".py")
    True
    """
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def falls_in_share(share: float, *parts: str) -> bool:
    """Whether the hash of `parts` is in the first `share` (0 to 1) of all hashes: a sample without a state.

    >>> falls_in_share(1.0, "any"), falls_in_share(0.0, "any")
    (True, False)
    """
    return int(row_id(*parts), 16) < share * 2**64


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a repository."""

    id: str
    """`row_id` of repository, path, container, name and code."""
    repository: str
    """`owner/name`, or the name of its folder."""
    revision: str
    """Commit that was read; empty for a plain folder."""
    licence: str
    """SPDX identifier; empty when none was found."""
    path: str
    """Inside the repository, POSIX separators."""
    start_line: int
    """1-based line of the definition."""
    language: str
    """Name in the server's language table."""
    name: str
    container: str
    """Dotted names of what encloses it."""
    signature: str
    doc: str
    """The authors' own documentation, cleaned, one sentence per line; empty when there is none."""
    code: str
    """Source text without the documentation."""
    callers: tuple[str, ...]
    """Ids of functions of the same repository that call it."""
    callees: tuple[str, ...]
    """Ids of functions of the same repository that it calls."""
    split: str
    """`train` or `dev`; all functions of a repository share it."""
    task: str = ""
    """What a whole file solves, equal for solutions of one task in any language; empty for a function."""


@dataclass(frozen=True, slots=True)
class Docstring:
    """A description that training uses as a query."""

    function: str
    """Id of the function that it describes."""
    text: str
    source: str
    """`human`, or the name of the model that wrote it."""
    prompt: str
    """Hash of the prompt that it answers; empty for `human`."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A docstring and a function of the same repository, right or wrong."""

    docstring: str
    """Id of the function whose docstring is the query."""
    function: str
    """Id of the function whose code is the target."""
    is_gt: bool
    """Whether both are the same function. Never changed by a later stage."""


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """A pair with its teacher's similarity."""

    docstring: str
    function: str
    is_gt: bool
    similarity: float
    """In [0, 1)."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an LLM said of one candidate."""

    verdict: str
    """`yes`, `no`, or `unclear` when no reply could be read."""
    judge: str
    """Model and form, such as `gpt-4o/binary`."""
    reply: str
    """As received, at most 400 characters, for audit."""


@dataclass(frozen=True, slots=True)
class RefinedPair:
    """A labelled pair after refinement, with every decision kept for audit."""

    docstring: str
    function: str
    is_gt: bool
    similarity: float
    """What training uses: the teacher's, raised by delta_s where a candidate was confirmed; in [0, 1)."""
    teacher_similarity: float
    by_threshold: bool
    """Candidate because its similarity is above s* or above that of its docstring's own function."""
    by_structure: bool
    """Candidate because its tree is near that of its docstring's own function while the text differs."""
    tree_distance: float
    """Normalised AST edit distance to the docstring's own function; -1 where it was not computed."""
    verdict: str
    """`yes`, `no` or `unclear` for candidates, empty for all others."""
    judge: str
    reply: str


@dataclass(frozen=True, slots=True)
class Twin:
    """A code and a function that does the same."""

    id: str
    """`row_id` of what the text was made from; names the text as a query."""
    origin: str
    """Id of the function that the text was made from."""
    function: str
    """Id of the function that does the same; the origin itself where the text is a rewriting of it."""
    text: str
    """The origin's code under other names."""
    similarity: float
    """Of the two functions' descriptions, by a teacher; in [0, 1)."""
    kind: str
    """`description`, `name` or `task`, whichever is equal; `rewritten` where the function is the origin,
    `statement` where the text is the words of its task."""
