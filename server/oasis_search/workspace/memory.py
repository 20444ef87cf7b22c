"""What the C library does with memory that is no longer used; of no effect where it is not glibc.

Left alone, glibc learns from the first freed array to take later ones of up to 32 MB from its heap, where one
small survivor keeps all below it: merging segments would leave holes of twice the index.
"""

import contextlib
import ctypes

LARGE_BLOCK_BYTES = 256 * 1024
"""Blocks from this size on are mapped one by one, and given back when they are freed."""

_M_MMAP_THRESHOLD = -3


def give_back_large_blocks() -> None:
    """From now on freed arrays leave the process at once."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
