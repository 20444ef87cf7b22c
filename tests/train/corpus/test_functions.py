"""One file to functions: code apart from its documentation, long ones cut, bad files said."""

import pytest

from oasis_train.corpus.functions import FileError, definitions_of_file

PYTHON = '''
class Settings:
    @cached
    def read(self, path, default=None):
        """Read the settings of one user from a file. Missing files give the default.

        :param path: where the file is
        """
        return parse(open(path).read()) or default


def undocumented(path):
    # TODO say what this does
    return Settings().read(path)
'''
GO = """package store

// OpenStore opens the store in the given folder and creates it when there is none.
func OpenStore(folder string) (*Store, error) {
	return &Store{folder: folder}, os.MkdirAll(folder, 0o700)
}
"""


def test_documentation_and_code_of_functions_are_apart() -> None:
    read, undocumented = definitions_of_file("a/settings.py", PYTHON.encode(), 6000)
    assert read.doc == "Read the settings of one user from a file.\nMissing files give the default."
    assert (read.container, read.name, read.start_line) == ("Settings", "read", 4)
    assert read.code.split("\n")[0].strip() == "@cached"
    assert "settings of one user" not in read.code
    assert read.calls == ("parse", "open", "read")
    assert undocumented.doc == ""
    (opened,) = definitions_of_file("store.go", GO.encode(), 6000)
    assert opened.doc == "opens the store in the given folder and creates it when there is none."
    assert opened.code.startswith("func OpenStore(")


def test_a_long_function_is_one_and_cut_at_a_line() -> None:
    lines = "".join(f"    total_{n} = add(total_{n - 1}, step)\n" for n in range(1, 400))
    source = (
        f"def first(step, total_0):\n{lines}    return last()\n\n\ndef second(x):\n    return first(x, x)\n"
    )
    first, second = definitions_of_file("a.py", source.encode(), 1000)
    assert (first.name, second.name) == ("first", "second")
    assert 950 < len(first.code) <= 1000
    assert source.startswith(first.code + "\n")
    assert first.calls == ("add", "last")
    (whole, _) = definitions_of_file("a.py", source.encode(), 10**6)
    assert whole.code == source[: source.index("\n\n\ndef second")]


def test_a_byte_order_mark_is_no_code_and_other_encodings_are_refused() -> None:
    marked = definitions_of_file("a.py", b"\xef\xbb\xbf" + PYTHON.encode(), 6000)
    assert marked == definitions_of_file("a.py", PYTHON.encode(), 6000)
    with pytest.raises(FileError, match=r"Byte 8 is not UTF-8") as caught:
        definitions_of_file("a.py", "name = 'é'".encode("latin-1"), 6000)
    assert caught.value.reason == "not-utf8"


@pytest.mark.parametrize("data", [b"", b"def", b"}{" * 500, b"\xef\xbb\xbf", b"class A:\n def", b"\r\n" * 9])
def test_code_that_is_none_gives_no_functions(data: bytes) -> None:
    for path in ("a.py", "a.c", "a.ts", "a.php"):
        assert definitions_of_file(path, data, 6000) == []
