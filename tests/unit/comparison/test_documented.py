"""Documented functions in every language: what is asked, and what is left to be found."""

import sysconfig
from pathlib import Path

import pytest

from oasis_search.comparison.documented import DocumentedFunction, find_documented, first_sentence
from oasis_search.syntax import language_of

STDLIB = Path(sysconfig.get_path("stdlib"))


def found_in(path: str, text: str) -> list[DocumentedFunction]:
    return find_documented(text.encode(), language_of(path), path)[0]


@pytest.mark.parametrize(
    ("path", "text", "sentence", "code"),
    [
        (
            "lock.py",
            "class FileLock:\n    @retrying\n    def acquire(self, path: str) -> int:\n"
            '        """Open a file '
            'and lock it for this process.\n\n        Args:\n            path: the file.\n        """\n'
            '        handle = open(path, "a")\n        return flock(handle)\n',
            "Open a file and lock it for this process.",
            '@retrying\n    def acquire(self, path: str) -> int:\n        handle = open(path, "a")\n'
            "        return flock(handle)",
        ),
        (
            "retry.go",
            "package net\n\n// Retry calls f again after growing pauses. It gives up in the end.\n"
            "func Retry(f func() error) error {\n\tfor { // for ever\n\t\tpause(f())\n\t}\n}\n",
            "calls f again after growing pauses.",
            "func Retry(f func() error) error {\n\tfor { // for ever\n\t\tpause(f())\n\t}\n}",
        ),
        (
            "Store.java",
            "class Store {\n    /**\n     * Saves the <b>open</b> {@link Database} to disk.\n     *\n"
            "     * @param path where\n     */\n    @Override\n    public void save(Path path) {\n"
            "        writer.write(path, this.bytes());\n    }\n}\n",
            "Saves the open Database to disk.",
            "    @Override\n    public void save(Path path) {\n"
            "        writer.write(path, this.bytes());\n    }",
        ),
        (
            "debounce.js",
            "/**\n * Delays calls until nothing has happened for a while.\n * @param {Function} f\n */\n"
            "export const debounce = (f, wait) => {\n  let timer;\n"
            "  return () => restart(timer, f, wait);\n};\n",
            "Delays calls until nothing has happened for a while.",
            "export const debounce = (f, wait) => {\n  let timer;\n"
            "  return () => restart(timer, f, wait);\n};",
        ),
        (
            "parse.rs",
            "/// Reads a number with an optional sign.\n///\n/// # Errors\n/// When there is none.\n"
            "#[inline]\npub fn number(text: &str) -> Result<i64, Error> {\n"
            "    text.trim().parse().map_err(Error::from)\n}\n",
            "Reads a number with an optional sign.",
            "#[inline]\npub fn number(text: &str) -> Result<i64, Error> {\n"
            "    text.trim().parse().map_err(Error::from)\n}",
        ),
        (
            "user.php",
            "<?php\n/**\n * Finds the user who signed in last.\n * @return User\n */\n#[Pure]\n"
            "function lastUser($db) {\n    return $db->users()->orderBy('login')->last();\n}\n",
            "Finds the user who signed in last.",
            "<?php\n#[Pure]\nfunction lastUser($db) {\n    return $db->users()->orderBy('login')->last();\n}",
        ),
        (
            "Tree.cs",
            "class Tree {\n    /// <summary>\n    /// Removes all nodes that have no leaves.\n"
            "    /// </summary>\n    [Obsolete]\n    public void Prune() {\n"
            "        Nodes.RemoveAll(node => node.Leaves.Count == 0);\n    }\n}\n",
            "Removes all nodes that have no leaves.",
            "    [Obsolete]\n    public void Prune() {\n"
            "        Nodes.RemoveAll(node => node.Leaves.Count == 0);\n    }",
        ),
        (
            "mail.rb",
            "# Sends the message to every subscriber.\n#\n# message - the text\n"
            "def broadcast(message)\n  subscribers.each { |each| each.deliver(message) }\nend\n",
            "Sends the message to every subscriber.",
            "def broadcast(message)\n  subscribers.each { |each| each.deliver(message) }\nend",
        ),
        (
            "ring.c",
            "/*\n * Copies bytes out of the ring buffer, oldest first.\n */\n"
            "static size_t ring_read(struct ring *r, char *out, size_t n)\n{\n"
            "    while (n--) *out++ = r->data[r->tail++ % r->size];\n    return r->tail;\n}\n",
            "Copies bytes out of the ring buffer, oldest first.",
            "static size_t ring_read(struct ring *r, char *out, size_t n)\n{\n"
            "    while (n--) *out++ = r->data[r->tail++ % r->size];\n    return r->tail;\n}",
        ),
    ],
)
def test_documentation_asks_and_is_gone_from_the_code(path: str, text: str, sentence: str, code: str) -> None:
    (function,) = found_in(path, text)
    assert function.sentence == sentence
    assert function.parts == (code,)


def test_comment_above_and_docstring_are_both_gone() -> None:
    (function,) = found_in(
        "a.py",
        "# The comment above it says something too.\ndef area(shape):\n"
        "    'Measures the area of any closed shape.'\n"
        "    return sum(piece.width * piece.height for piece in shape)\n",
    )
    assert function.sentence == "Measures the area of any closed shape."
    assert function.parts == (
        "def area(shape):\n    return sum(piece.width * piece.height for piece in shape)",
    )


def test_function_that_still_says_the_sentence_is_left_out() -> None:
    body = "    # Measures the area of any\n    # closed shape\n    return compute(shape, 1, 2, 3)\n"
    text = 'def area(shape):\n    """Measures the area of any closed shape."""\n'
    assert found_in("a.py", text + body) == []
    assert len(found_in("a.py", text + body.replace("closed", "open"))) == 1


def test_long_function_has_all_its_parts_and_no_part_has_the_documentation() -> None:
    documentation = "\n".join(f"    Line {number} of a very long explanation." for number in range(30))
    body = "\n".join(f"    value_{number} = compute_{number}(argument)" for number in range(150))
    head = f'def long(argument):\n    """Computes a great many values in a row.\n\n{documentation}\n    """\n'
    text = f"{head}{body}\n"
    (function,) = found_in("a.py", text)
    assert len(function.parts) >= 3
    assert "explanation" not in "".join(function.parts)
    for number in range(150):
        assert any(f"compute_{number}(" in part for part in function.parts)


def test_counts_are_of_all_units_documented_or_not() -> None:
    text = "def one(a):\n    return a\n\n\ndef two(a):\n    return a\n"
    functions, n_units, n_bytes = find_documented(text.encode(), language_of("a.py"), "a.py")
    assert (functions, n_units) == ([], 2)
    assert n_bytes == len("def one(a):\n    return a") * 2


@pytest.mark.parametrize(
    ("doc", "name", "sentence"),
    [
        ("Open a file and lock it. Then wait.", "open_lock", "Open a file and lock it."),
        ("Open a file,\nand lock it\n\nThen wait.", "f", "Open a file, and lock it"),
        ("Handles e.g. open files of a user. Next.", "f", "Handles e.g. open files of a user."),
        ("Prev returns the entry before e.", "Prev", "returns the entry before e."),
        ("Save the currently open database.", "Save", "Save the currently open database."),
        ("parseDate is the parser of all dates", "parseDate", "the parser of all dates"),
        ("g_get(a, b) -> the thing behind a lock", "g_get", "the thing behind a lock"),
        ("Returns :class:`~a.b.Reader` for the given path.", "f", "Returns a.b.Reader for the given path."),
        ("@brief Locks the file for this process.", "f", "Locks the file for this process."),
        ("文件锁定并写入数据到磁盘。然后关闭。", "f", "文件锁定并写入数据到磁盘。"),
        ("Close the file.", "f", ""),
        ("@param path the file to be opened now", "f", ""),
        ("Args:\n    path: the file to be opened now", "f", ""),
        ("Copyright 2024 by the authors of this file", "f", ""),
        ("TODO: explain what this is good for", "f", ""),
        ("{@inheritDoc} and some more words here", "f", ""),
        ("", "f", ""),
    ],
)
def test_first_sentence_is_a_description_or_nothing(doc: str, name: str, sentence: str) -> None:
    assert first_sentence(doc, name) == sentence


def test_no_question_of_the_standard_library_stands_in_the_code_of_its_function() -> None:
    def letters(text: str) -> str:
        return "".join(filter(str.isalnum, text.lower()))

    n_functions = 0
    for package in ("json", "email", "logging", "asyncio"):
        for source in sorted((STDLIB / package).glob("*.py")):
            for function in found_in(source.name, source.read_text(encoding="utf-8")):
                n_functions += 1
                assert letters(function.sentence) not in letters("".join(function.parts))
    assert n_functions > 300
