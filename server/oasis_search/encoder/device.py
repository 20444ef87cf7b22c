"""Where a transformer computes, and in which type of numbers.

Nothing is computed in fewer bits than the weights were stored with. Half types are used where the processor
has instructions for them; elsewhere (measured: an AVX2 processor multiplies bfloat16 five times slower than
float32) weights stay as stored and are widened layer by layer (widen.py). The choice depends on the machine
only, never on a measurement, since the type of numbers is part of a fingerprint.
"""

from dataclasses import dataclass
from typing import Literal

from oasis_search.errors import EncoderError

ComputeType = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Device:
    """A device of torch and the type of numbers a model computes in there."""

    kind: str
    """`cuda`, `mps` or `cpu`, with a number after a colon for one of several."""
    dtype: ComputeType
    place: str
    """For people, e.g. `CUDA NVIDIA L4, bfloat16`."""


def choose_device(request: str, stored: str, *, threads: int) -> Device:
    """The device for weights of type `stored`; `request` is `auto` or a device of torch.

    Raises EncoderError when the requested device is not there.
    """
    import torch

    has_cuda = torch.cuda.is_available()
    has_mps = torch.backends.mps.is_available()
    if request == "auto":
        request = "cuda" if has_cuda else "mps" if has_mps else "cpu"
    kind, _, number = request.partition(":")
    if kind == "cuda" and has_cuda and int(number or 0) < torch.cuda.device_count():
        dtype = _half_or_float(stored, bfloat16=torch.cuda.get_device_capability(request) >= (8, 0))
        return Device(request, dtype, f"CUDA {torch.cuda.get_device_name(request)}, {dtype}")
    if kind == "mps" and has_mps:
        dtype = _half_or_float(stored, bfloat16=torch.backends.mps.is_macos_or_newer(14, 0))
        return Device("mps", dtype, f"Apple GPU, {dtype}")
    if request == "cpu":
        dtype = "bfloat16" if stored == "bfloat16" and _cpu_has_bfloat16() else "float32"
        count = threads or torch.get_num_threads()
        return Device("cpu", dtype, f"CPU, {dtype}, {count} thread{'s' if count > 1 else ''}")
    raise EncoderError(
        f"There is no device {request!r} on this machine, or this build of torch cannot use it. Set the "
        f'device to "auto" or to one of {", ".join(["cpu"] + ["cuda"] * has_cuda + ["mps"] * has_mps)}.'
    )


def _half_or_float(stored: str, *, bfloat16: bool) -> ComputeType:
    """float16 weights stay float16 on a GPU; bfloat16 ones overflow in it, so they need the real thing."""
    if stored == "float16":
        return "float16"
    return "bfloat16" if stored == "bfloat16" and bfloat16 else "float32"


def _cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies matrices of bfloat16 by instructions of its own."""
    import torch

    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in names)
