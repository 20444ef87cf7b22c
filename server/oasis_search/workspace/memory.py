"""What the C library does with memory that is no longer used; of no effect where it is not glibc.

Left alone, glibc learns from the first freed array to take later ones of up to 32 MB from its heap, where one
small survivor keeps all below it: merging segments would leave holes of twice the index.
"""

import contextlib
import ctypes

LARGE_BLOCK_BYTES = 4 * 1024 * 1024
"""Blocks from this size on are mapped one by one, and given back when they are freed."""

SLACK_BYTES = 16 * 1024 * 1024
"""Free memory kept at the end of the heap. With the default of 128 kB each block of a vector search was given
back and faulted in again: 19 ms a search instead of 3."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def give_back_large_blocks() -> None:
    """From now on freed arrays of some megabytes leave the process at once."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, SLACK_BYTES)
