"""Which device and type of numbers are chosen; GPUs are pretended, since only the choice is ours."""

import pytest

from oasis_search.encoder import device
from oasis_search.encoder.device import choose_device
from oasis_search.errors import EncoderError


@pytest.fixture
def _cuda(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A machine with one CUDA card of the given compute capability."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA L4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: request.param)


@pytest.fixture
def _mps(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A Mac whose system has bfloat16 on the GPU, or not."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, minor: request.param)


@pytest.mark.usefixtures("_cuda")
@pytest.mark.parametrize(
    ("_cuda", "stored", "expected"),
    [
        ((8, 9), "bfloat16", "bfloat16"),
        ((8, 9), "float16", "float16"),
        ((8, 9), "float32", "float32"),
        ((7, 5), "bfloat16", "float32"),
        ((7, 5), "float16", "float16"),
    ],
    indirect=["_cuda"],
)
def test_cuda_computes_in_what_is_stored_if_the_card_can(stored: str, expected: str) -> None:
    chosen = choose_device("auto", stored, threads=0)
    assert (chosen.kind, chosen.dtype, chosen.place) == ("cuda", expected, f"CUDA NVIDIA L4, {expected}")
    assert choose_device("cuda:0", stored, threads=0).kind == "cuda:0"
    assert choose_device("cpu", "float32", threads=0).kind == "cpu"


@pytest.mark.usefixtures("_cuda")
@pytest.mark.parametrize("_cuda", [(8, 9)], indirect=True)
@pytest.mark.parametrize("request_", ["cuda:1", "mps", "tpu", ""])
def test_a_device_that_is_not_there_is_refused_and_the_others_named(request_: str) -> None:
    with pytest.raises(EncoderError, match=f"no device '{request_}' .* one of cpu, cuda"):
        choose_device(request_, "float32", threads=0)


@pytest.mark.usefixtures("_mps")
@pytest.mark.parametrize(
    ("_mps", "stored", "expected"),
    [
        (True, "bfloat16", "bfloat16"),
        (False, "bfloat16", "float32"),
        (False, "float16", "float16"),
        (True, "float32", "float32"),
    ],
    indirect=["_mps"],
)
def test_an_apple_gpu_is_used_when_there_is_no_cuda(stored: str, expected: str) -> None:
    chosen = choose_device("auto", stored, threads=0)
    assert (chosen.kind, chosen.place) == ("mps", f"Apple GPU, {expected}")


@pytest.mark.parametrize(
    ("has_bfloat16", "stored", "expected"),
    [
        (True, "bfloat16", "bfloat16"),
        (False, "bfloat16", "float32"),
        (True, "float16", "float32"),
        (True, "float32", "float32"),
    ],
)
def test_a_cpu_computes_in_half_precision_only_with_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, has_bfloat16: bool, stored: str, expected: str
) -> None:
    monkeypatch.setattr(device, "_cpu_has_bfloat16", lambda: has_bfloat16)
    assert choose_device("cpu", stored, threads=3).place == f"CPU, {expected}, 3 threads"
