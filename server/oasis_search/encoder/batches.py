"""Which texts go through the model together: batches of similar length under a budget of tokens.

A transformer pads every text of a batch to the longest one, so its cost is `texts * longest`. Sorting by
length keeps padding low, a budget on the padded size keeps memory even, and a limit on the padding itself
keeps a few texts of very different lengths apart.
Deliberately knows nothing of tokens, tensors or models.
"""

from collections.abc import Sequence


def token_batches(
    lengths: Sequence[int], *, max_tokens: int, max_texts: int, max_padding: int | None = None
) -> list[list[int]]:
    """Every index of `lengths` once, in batches, longest texts first (memory peaks at once or never).

    The padded size of a batch (texts times the longest of them) is at most `max_tokens`; a text longer than
    that goes alone. `max_padding` is how many tokens of it may be padding (as many as take the time that one
    more batch costs is right); None sets no limit. Texts of equal length keep their order, so batches depend
    on the lengths only.
    """
    if max_tokens < 1 or max_texts < 1:
        raise ValueError(f"max_tokens and max_texts must be at least 1, not {max_tokens} and {max_texts}.")
    batches: list[list[int]] = []
    room = longest = padding = 0
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        padding += longest - lengths[index]
        if room == 0 or (max_padding is not None and padding > max_padding):
            batches.append([])
            longest, padding = lengths[index], 0
            room = max(1, min(max_texts, max_tokens // max(1, longest)))
        batches[-1].append(index)
        room -= 1
    return batches
