"""Examples of guides: what is taken for one, what describes it, and that the corpus stage takes them."""

from pathlib import Path

import pytest

from oasis_train.corpus.build import build_corpus
from oasis_train.corpus.config import CorpusConfig
from oasis_train.corpus.functions import FileError
from oasis_train.corpus.guides import examples_of_guide, is_guide
from oasis_train.corpus.read import read_functions

MARKDOWN = """# Files

Reading a file line by line
---------------------------

Some words that belong elsewhere.

To read a file without loading all of it, iterate over [the handle](x.html). For example:

```python
for line in open("a.txt"):
    print(line)
```

```console
cat a.txt
```

## Usage

```js
send({ to: "a@b.c" })
```
"""

RESTRUCTURED = """
Sorting a dictionary by its values
==================================

.. note:: Something else
   entirely

Use the ``key`` argument of :func:`sorted` to choose what is compared::

    best = sorted(counts.items(), key=lambda item: item[1])

Nothing follows here.

.. code-block:: ruby
   :linenos:

   counts.sort_by { |word, n| n }

Reverse a list in place with its own method:

>>> words = ["a", "b"]
>>> words.reverse()
>>> words
['b', 'a']

This literal block is no Python::

    $ ls -l
"""


def found(path: str, text: str) -> list[tuple[str, str, str, str]]:
    made = examples_of_guide(path, text.encode(), 1000)
    return [(item.language, item.name, item.doc, item.code) for item in made]


def test_markdown_example_is_described_by_the_sentence_before_it_that_says_something() -> None:
    (only,) = found("a.md", MARKDOWN)  # a console is no language, a heading "Usage" says nothing
    assert only == (
        "python",
        "Reading a file line by line",
        "To read a file without loading all of it, iterate over the handle.",
        'for line in open("a.txt"):\n    print(line)',
    )


def test_restructured_examples_are_literal_blocks_directives_and_sessions() -> None:
    sorting, ruby, session = found("docs/a.rst.txt", RESTRUCTURED)
    assert sorting[:3] == (
        "python",
        "Sorting a dictionary by its values",
        "Use the key argument of sorted to choose what is compared",
    )
    assert sorting[3].startswith("best = sorted(")
    assert ruby[0] == "ruby"
    assert ruby[2:] == ("Sorting a dictionary by its values", "counts.sort_by { |word, n| n }")
    assert session[2] == "Reverse a list in place with its own method"
    assert session[3] == 'words = ["a", "b"]\nwords.reverse()\nwords'


def test_an_example_of_its_place_has_the_line_where_it_begins() -> None:
    first = examples_of_guide("a.md", MARKDOWN.encode(), 1000)[0]
    assert MARKDOWN.splitlines()[first.start_line - 1] == 'for line in open("a.txt"):'


@pytest.mark.parametrize(
    "text", ["", "```", "::\n", "a::\n\n", "===\n===\n", "```python\n", ">>> ", "# " * 500]
)
def test_no_text_breaks_the_reader(text: str) -> None:
    for path in ("a.md", "a.rst"):
        examples_of_guide(path, text.encode(), 1000)


def test_long_examples_are_passed_over_and_other_encodings_refused() -> None:
    assert examples_of_guide("a.md", MARKDOWN.encode(), 10) == []
    with pytest.raises(FileError, match="Byte 0 is not UTF-8"):
        examples_of_guide("a.md", b"\xff", 1000)
    assert [is_guide(name) for name in ("README.md", "x.RST", "a.rst.txt", "notes.txt", "a.py")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_corpus_takes_examples_where_it_is_asked_to_and_of_wanted_languages_only(tmp_path: Path) -> None:
    folder = tmp_path / "sources" / "guide"
    folder.mkdir(parents=True)
    (folder / "README.rst").write_text(RESTRUCTURED)
    (folder / "code.py").write_text(
        'def first_line(path):\n    """Give the first line of a file."""\n    return open(path).readline()\n'
    )

    def languages(out: str, *, guides: bool) -> list[tuple[str, str]]:
        config = CorpusConfig(
            collections=(tmp_path / "sources",), languages=("python",), guides=guides, min_identifiers=3
        )
        build_corpus(config, tmp_path / out)
        return sorted((row.path, row.language) for row in read_functions(tmp_path / out))

    assert languages("without", guides=False) == [("code.py", "python")]
    assert languages("with", guides=True) == [
        ("README.rst", "python"),
        ("README.rst", "python"),
        ("code.py", "python"),
    ]
