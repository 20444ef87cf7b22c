"""The authors' own documentation as a docstring; the corpus has cleaned it already."""

from oasis_train.data import Docstring, Function
from oasis_train.docstrings.problems import find_problem
from oasis_train.docstrings.replies import cut_sentences

SOURCE = "human"


def human_docstring(function: Function, most_chars: int) -> Docstring | None:
    """The documentation as one paragraph, or None when there is none that describes the function."""
    text = cut_sentences(" ".join(function.doc.split()), most_chars)
    if find_problem(text, name=function.name, code=function.code):
        return None
    return Docstring(function.id, text, SOURCE, "")
