"""The pattern language of gitignore, byte for byte as git reads it.

Patterns are translated here rather than by the `pathspec` package, which differs from git in character
classes, bytes, trailing blanks and case, and raises for some patterns (measured with pathspec 1.1). Knows
nothing of folders: which list counts where is the business of `ignore.py`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final


class PatternList:
    """The patterns of one file, matched against paths relative to the workspace folder."""

    __slots__ = ("_globs", "_names", "_paths", "_patterns", "_prefix", "_strip", "_suffixes")

    def __init__(self, patterns: Sequence["Pattern"], *, strip: int = 0, prefix: bytes = b"") -> None:
        self._patterns = tuple(reversed(patterns))
        self._strip = strip
        self._prefix = prefix
        self._names = frozenset(each.literal for each in patterns if each.literal)
        self._suffixes = tuple({each.suffix for each in patterns if each.suffix})
        names = [each for each in patterns if each.is_name]
        self._globs = any_of(each for each in names if not each.literal and not each.suffix)
        self._paths = any_of(each for each in patterns if not each.is_name)

    def seen_from(self, folder: bytes) -> "PatternList":
        """The same list for paths relative to `folder` (with a final slash), which lies below it."""
        return PatternList(self._patterns[::-1], prefix=self._prefix + folder[self._strip :])

    def verdict(self, path: bytes, name: bytes, is_dir: bool) -> bool | None:
        """True: ignored, False: taken back, None: not mentioned. Parents are the caller's to ask."""
        relative = b""
        is_mentioned = name in self._names or name.endswith(self._suffixes)
        if self._paths is not None:
            relative = self._prefix + path[self._strip :]
            is_mentioned = is_mentioned or self._paths(relative) is not None
        if not is_mentioned and (self._globs is None or self._globs(name) is None):
            return None
        for pattern in self._patterns:
            if pattern.dir_only and not is_dir:
                continue
            if pattern.regex.fullmatch(name if pattern.is_name else relative):
                return not pattern.is_negated
        return None


def parse_patterns(text: bytes, *, ignore_case: bool = False) -> list["Pattern"]:
    """Patterns of an ignore file in order, without comments, blank lines and what can match nothing."""
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    found = (_parse_line(line.removesuffix(b"\r"), ignore_case) for line in lines)
    return [pattern for pattern in found if pattern is not None]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file."""

    regex: re.Pattern[bytes]
    is_negated: bool
    dir_only: bool
    is_name: bool
    """Without a slash: compared with the last part of a path only."""
    literal: bytes
    """The name itself when the pattern has no wildcard and case counts, else empty."""
    suffix: bytes
    """What follows the star of a pattern like `*.pyc` when case counts, else empty."""


_SPECIAL: Final = re.compile(rb"[*?\[\\]")


def _parse_line(line: bytes, ignore_case: bool) -> Pattern | None:
    line = without_trailing_spaces(line)
    if not line or line.startswith(b"#"):
        return None
    is_negated = line.startswith(b"!")
    pattern = line[1:] if is_negated else line
    dir_only = pattern.endswith(b"/")
    pattern = pattern[:-1] if dir_only else pattern
    is_name = b"/" not in pattern
    special = _SPECIAL.search(pattern)
    head = len(pattern) if special is None else special.start()
    if pattern.startswith(b"/"):
        pattern, head = pattern[1:], head - 1
    source = _translate(pattern, -1 if is_name else head)
    if not pattern or source is None:
        return None
    regex = re.compile(source, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    is_suffix = is_name and not ignore_case and head == 0 and not _SPECIAL.search(pattern[1:])
    return Pattern(
        regex,
        is_negated,
        dir_only,
        is_name,
        literal=pattern if is_name and special is None and not ignore_case else b"",
        suffix=pattern[1:] if is_suffix and pattern.startswith(b"*") else b"",
    )


def without_trailing_spaces(line: bytes) -> bytes:
    """Git drops spaces (not tabs) at the end unless a backslash stands before them."""
    bare = line.rstrip(b" ")
    n_backslashes = len(bare) - len(bare.rstrip(b"\\"))
    return line[: len(bare) + 1] if n_backslashes % 2 else bare


_STAR: Final = b"*"
_DEEP: Final = b"**/"


def _translate(pattern: bytes, head: int) -> bytes | None:
    """Regular expression of a glob, or None when it matches nothing.

    `head` is the length of the part without wildcards. Git compares that part first and the rest on its own,
    so that a `**` right behind it counts as one at the start: `foo**/bar` matches foo1/x/bar.
    """
    tokens: list[bytes] = []
    i = 0
    while i < len(pattern):
        char = pattern[i : i + 1]
        if char == b"*":
            end = i + 1
            while pattern[end : end + 1] == b"*":
                end += 1
            is_deep = end - i > 1 and (i in (0, head) or pattern[i - 1 : i] == b"/")
            if is_deep and end == len(pattern):
                tokens.append(b".*")
            elif is_deep and pattern[end : end + 1] == b"/":
                tokens.append(_DEEP)
                end += 1
            else:
                tokens.append(_STAR)
            i = end
        elif char == b"[":
            parsed = _parse_class(pattern, i + 1)
            if parsed is None:
                return None
            token, i = parsed
            tokens.append(token)
        else:
            i += char == b"\\"
            if i == len(pattern):
                return None
            tokens.append(b"[^/]" if char == b"?" else re.escape(pattern[i : i + 1]))
            i += 1
    return _without_backtracking(tokens)


def _without_backtracking(tokens: list[bytes]) -> bytes:
    """Joined tokens; of several wildcards of a kind all but the last take the shortest match for good.

    The first match of what stands between two of them is always good enough, and without this a pattern like
    `*a*a*a*a*b` or `**/a/**/a/**/a/b` would take time exponential in its wildcards.
    """
    first, *others = _split(tokens, _DEEP)
    out = _without_star_backtracking(first)
    for number, part in enumerate(others, 1):
        block = _without_star_backtracking(part)
        out += b"(?:.*/)?" + block if number == len(others) else b"(?>(?:.*?/)??" + block + b")"
    return out


def _without_star_backtracking(tokens: list[bytes]) -> bytes:
    out: list[bytes] = []
    for part in _split(tokens, b"/"):
        first, *others = _split(part, _STAR)
        text = b"".join(first)
        for number, piece in enumerate(others, 1):
            block = b"".join(piece)
            text += b"[^/]*" + block if number == len(others) else b"(?>[^/]*?" + block + b")"
        out.append(text)
    return b"/".join(out)


def _split(tokens: list[bytes], at: bytes) -> list[list[bytes]]:
    parts: list[list[bytes]] = [[]]
    for token in tokens:
        if token == at:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


_POSIX_CLASSES: Final = {
    b"alnum": rb"[0-9A-Za-z]",
    b"alpha": rb"[A-Za-z]",
    b"blank": rb"[ \t]",
    b"cntrl": rb"[\x00-\x1f\x7f]",
    b"digit": rb"[0-9]",
    b"graph": rb"[\x21-\x7e]",
    b"lower": rb"[a-z]",
    b"print": rb"[\x20-\x7e]",
    b"punct": rb"[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]",
    b"space": rb"[ \t\n\r\v\f]",
    b"upper": rb"[A-Z]",
    b"xdigit": rb"[0-9A-Fa-f]",
}


def _parse_class(pattern: bytes, i: int) -> tuple[bytes, int] | None:
    """Expression of the class whose `[` stands before `i`, and where it ends; None when it is malformed."""
    is_negated = pattern[i : i + 1] in (b"!", b"^")
    i += is_negated
    members: set[int] = set()
    first, previous = i, -1
    while i < len(pattern) and (pattern[i] != ord("]") or i == first):
        char = pattern[i]
        if pattern[i : i + 2] == b"[:":
            end = pattern.find(b"]", i + 2)
            if end < 0:
                return None
            if pattern[end - 1] == ord(":") and end - 1 >= i + 2:
                known = _POSIX_CLASSES.get(pattern[i + 2 : end - 1])
                if known is None:
                    return None
                members.update(byte for byte in range(256) if re.match(known, bytes([byte])))
                previous, i = -1, end + 1
                continue
        is_range = char == ord("-") and previous >= 0 and pattern[i + 1 : i + 2] not in (b"", b"]")
        i += is_range
        i += pattern[i] == ord("\\")
        if i >= len(pattern):
            return None
        members.update(range(previous, pattern[i] + 1) if is_range else (pattern[i],))
        previous = -1 if is_range else pattern[i]
        i += 1
    if i >= len(pattern):
        return None
    members = (set(range(256)) - members if is_negated else members) - {ord("/")}
    listed = b"".join(b"\\x%02x" % byte for byte in sorted(members))
    return (b"[" + listed + b"]" if listed else b"(?!)"), i + 1


def any_of(patterns: Iterable[Pattern]) -> Callable[[bytes], object] | None:
    """One test for "might match any of them"."""
    patterns = list(patterns)
    if not patterns:
        return None
    joined = b"|".join(b"(?:" + each.regex.pattern + b")" for each in patterns)
    return re.compile(joined, patterns[0].regex.flags).fullmatch
