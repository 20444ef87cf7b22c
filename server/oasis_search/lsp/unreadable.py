"""What is wrong with a message that does not fit the protocol's types, in a sentence."""

from cattrs.errors import AttributeValidationNote, BaseValidationError

_NOUNS = {str: "a text", int: "a whole number", bool: "true or false"}


def complaint(method: str, error: BaseException | None) -> str:
    """A sentence that names the first parameter that does not fit; `error` is what cattrs raised."""
    path: list[str] = []
    wanted: object = None
    while error is not None:
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                path.append(_wire_name(note.name))
                wanted = note.type
        error = error.exceptions[0] if isinstance(error, BaseValidationError) else None
    if not path:
        return f"The parameters of {method} are not what the protocol defines for it."
    noun = _NOUNS.get(wanted, "as the protocol defines it") if isinstance(wanted, type) else "as defined"
    return f'{method}: "{".".join(path[1:] or path)}" must be {noun}.'


def _wire_name(attribute: str) -> str:
    """LSP's camelCase for lsprotocol's snake_case."""
    first, *rest = attribute.rstrip("_").split("_")
    return first + "".join(part.title() for part in rest)
