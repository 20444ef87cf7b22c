"""Documentation as people would ask for it: its first sentence, a few words, a question, a name.

Text rules for English only; every choice is drawn from the generator that the caller seeds.
"""

import random
import re
from dataclasses import dataclass
from typing import Literal

from oasis_search.syntax import split_identifier
from oasis_train.corpus.documentation import sentences
from oasis_train.data import Function
from oasis_train.views.phrases import QUESTIONS, STOP_WORDS

Form = Literal["full", "first", "words", "name"]

FORMS: tuple[Form, ...] = ("full", "first", "words", "name")
"""All of the documentation; its first sentence; the words of that sentence that say something; the name."""

_WORD = re.compile(r"[A-Za-z0-9_.+#-]*[A-Za-z0-9_+#]")
_ES = re.compile(r"(?:ch|sh|ss|x|zz|o)es$")
_NO_VERB = frozenset(("this", "does", "always", "class", "axis", "alias", "status", "address", "access"))

LANGUAGE_NAMES = {"csharp": "c#", "cpp": "c++", "tsx": "typescript"}
"""What people call a language, where it is not the name in the table."""

MOST_WORDS = 8
"""A search of words is no longer."""


@dataclass(frozen=True, slots=True)
class QueryShares:
    """How often each form is drawn, and how often words are put around it."""

    full: float = 0.25
    first: float = 0.4
    words: float = 0.2
    name: float = 0.15
    question: float = 0.35
    """Of the forms other than `full`: how often it becomes a question or names the language."""


def draw_query(
    function: Function, text: str, shares: QueryShares, generator: random.Random
) -> tuple[Form, str]:
    """One way to ask for `function`, whose docstring is `text`; that itself where a form is empty."""
    form: Form = generator.choices(FORMS, [shares.full, shares.first, shares.words, shares.name])[0]
    plain = {"first": first_sentence, "words": search_words}.get(form, str)(text)
    if form == "name":
        plain = name_in_words(function)
    if form == "full" or not plain:
        return "full", text
    if generator.random() < shares.question:
        language = LANGUAGE_NAMES.get(function.language, function.language)
        order = plain if form == "name" else as_order(plain)
        return form, generator.choice(QUESTIONS).format(text=order.rstrip("."), language=language)
    return form, as_order(plain) if generator.random() < 0.3 else plain


def first_sentence(text: str) -> str:
    """The first sentence of `text`.

    >>> first_sentence("Sorts the list. It is stable.")
    'Sorts the list.'
    """
    return sentences(text.strip())[0]


def search_words(text: str) -> str:
    """The first `MOST_WORDS` words of the first sentence that say something, the verb as an order.

    >>> search_words("Returns the sum of all the numbers in a list.")
    'return sum numbers list'
    """
    words = _WORD.findall(as_order(first_sentence(text)))
    return " ".join([word.lower() for word in words if word.lower() not in STOP_WORDS][:MOST_WORDS])


def as_order(sentence: str) -> str:
    """The sentence with its verb as an order and without its full stop.

    >>> as_order("Parses a date."), as_order("Tries again"), as_order("Address of the host.")
    ('parse a date', 'try again', 'address of the host')
    """
    first, _, rest = sentence.strip().rstrip(".").partition(" ")
    verb = first.lower() if first[1:].islower() or len(first) == 1 else first
    if (
        verb.islower()
        and verb.isalpha()
        and len(verb) > 3
        and verb.endswith("s")
        and verb not in _NO_VERB
        and not verb.endswith("ss")
    ):
        stem = verb[:-2] if _ES.search(verb) else verb[:-1]
        verb = f"{verb[:-3]}y" if verb.endswith("ies") else stem
    return f"{verb} {rest}".strip()


def name_in_words(function: Function) -> str:
    """`parseDate` of the class `Tools` gives "tools parse date"; empty where that says too little."""
    own = split_identifier(function.name)
    words = [*split_identifier(function.container.rpartition(".")[2]), *own]
    return " ".join(dict.fromkeys(words)) if len(own) > 1 or len(words) > 2 else ""
