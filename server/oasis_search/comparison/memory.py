"""The most memory that this process has used since a moment: what a model adds to a program.

On Linux from /proc, since `ru_maxrss` of a child begins at what its parent used. Elsewhere from `ru_maxrss`,
and nothing where there is neither (Windows).
"""

import contextlib
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"
"""What to write so that the kernel starts the peak anew (proc(5))."""


class MemoryMeter:
    """Measures from its construction on."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            _CLEAR.write_text(_FORGET_PEAK)
        self._base = peak_bytes()

    def added_bytes(self) -> int | None:
        """By how much the peak has grown; None where it cannot be measured."""
        peak = peak_bytes()
        return None if peak is None or self._base is None else max(0, peak - self._base)


def peak_bytes() -> int | None:
    """The largest resident size of this process so far."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
