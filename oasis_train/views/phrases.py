"""Words that people put around what they ask; a model must learn that they say little."""

PHRASES = (
    "",
    "how to",
    "{language}",
    "how to {language}",
    "{language} how to",
    "how do i in {language}",
    "{language} function to",
    "what is the way to",
    "code that",
    "function that",
    "in {language}",
    "using {language}",
)
"""The first is none at all. `{language}` is the name of the language."""

QUESTIONS = (
    "how to {text}",
    "how to {text} in {language}",
    "{language} {text}",
    "{language} how to {text}",
    "{text} in {language}",
    "{text} {language}",
    "how do i {text}",
    "how can I {text} in {language}?",
    "how do you {text} in {language}",
    "what is the best way to {text}",
    "{language} function to {text}",
    "write a function to {text}.",
    "write a {language} function to {text}",
    "code to {text}",
    "function that {text}",
    "{language} code for {text}",
    "where do we {text}",
)
"""`{text}` is an order: "sort a list", not "sorts a list"."""

_STOP_WORDS = """
a an the this that these those of to in on at for from by with without and or is are be been was were it its
if when where which who whose as into onto than then there here will would can could should may might must
do does did has have had not no any all each every given specified current i we you they he she
"""

STOP_WORDS = frozenset(_STOP_WORDS.split())
"""What people leave out of a search of a few words."""
