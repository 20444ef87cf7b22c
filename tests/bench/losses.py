"""What the losses and gradient caching cost, beside the forms that need a square matrix or a whole batch.

    python -m tests.bench.losses [--rounds N] [--memory] [--pairs N] [--chunk N]

Contestants of one row run in turn, in one process; medians over the rounds. `--memory` adds one cached step
of a 22M-parameter BERT (the shape of MiniLM-L6, random weights, 128 tokens, dropout on) in a process of its
own: about a quarter of an hour on two cores.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from sentence_transformers.sentence_transformer.losses import CoSENTLoss
from torch import Tensor
from transformers import BertConfig, BertModel

from oasis_train.losses import cosent_loss, hard_weighted_in_batch_loss, info_nce_loss, oasis_loss
from oasis_train.training.gradient_cache import cached_step

Row = tuple[str, str, str]
"""What was measured, the figure, what it must be."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--pairs", type=int, default=2560)
    parser.add_argument("--chunk", type=int, default=32)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure_cached_step(arguments.pairs, arguments.chunk)))
        return
    rows = [*cosent_rows(arguments.rounds), *in_batch_rows(arguments.rounds), cached_gradient_row()]
    if arguments.memory:
        rows.append(memory_row(arguments.pairs, arguments.chunk))
    print(f"Threads: {torch.get_num_threads()}\n\n| measured | figure | must reach |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def cosent_rows(rounds: int) -> list[Row]:
    """Time against the square form and sentence-transformers', and agreement with the square form."""
    theirs = CoSENTLoss(None)  # type: ignore[arg-type]
    rows = []
    times = _interleaved([lambda: _step(cosent_loss, 65_536), lambda: _step(_theirs(theirs), 65_536)], rounds)
    rows.append(
        ("CoSENT, 65,536 pairs, forward and backward", f"{1000 * median(times[0]):.1f} ms", "< 200 ms")
    )
    rows.append(("sentence-transformers' CoSENTLoss, the same", f"{1000 * median(times[1]):.1f} ms", ""))
    # 20 per turn: the square form leaves cold caches, which a loss of milliseconds would pay for.
    times = _interleaved([lambda: _repeat(cosent_loss, 8192, 20), lambda: _step(square_cosent, 8192)], rounds)
    times[0] = [seconds / 20 for seconds in times[0]]
    ratio = median(b / a for a, b in zip(*times, strict=True))
    ours, square = (1000 * median(t) for t in times)
    rows.append(("CoSENT, 8,192 pairs; N x N form", f"{ours:.2f} ms; {square:.0f} ms", ""))
    rows.append(("N x N form over ours (median ratio)", f"{ratio:.0f} x", ">= 500 x"))
    value, gradient = _step(cosent_loss, 4096, torch.float64)
    square_value, square_gradient = _step(square_cosent, 4096, torch.float64)
    difference = max(abs(value - square_value), float((gradient - square_gradient).abs().max()))
    rows.append(("CoSENT, float64, value and gradient against N x N", f"{difference:.1e}", "<= 1e-9"))
    return rows


def in_batch_rows(rounds: int) -> list[Row]:
    """Time of the in-batch losses on the authors' gathered batch."""
    generator = torch.Generator().manual_seed(1)
    queries, codes = torch.randn(2, 640, 1536, generator=generator).requires_grad_()

    def step(loss: Callable[[Tensor, Tensor], Tensor]) -> float:
        value = loss(queries, codes)
        torch.autograd.grad(value, (queries, codes))
        return value.item()

    forms: list[Callable[[Tensor, Tensor], Tensor]] = [info_nce_loss, hard_weighted_in_batch_loss]
    times = _interleaved([lambda loss=loss: step(loss) for loss in forms], rounds)  # type: ignore[misc]
    return [
        (
            f"{loss.__name__}, 640 random pairs in 1536 dimensions: value, time",
            f"{step(loss):.2f}, {1000 * median(t):.0f} ms",
            "",
        )
        for loss, t in zip(forms, times, strict=True)
    ]


def cached_gradient_row() -> Row:
    """Largest difference of any parameter's gradient between cached and plain step, dropout on."""
    model, ids = _mini_bert(), _token_ids(16)
    chunks = ids.reshape(2, 4, 4, -1)
    gradients = []
    for is_cached in (True, False):
        torch.manual_seed(5)
        model.zero_grad()
        if is_cached:
            cached_step(_encoder(model), list(chunks[0]), list(chunks[1]), _loss)
        else:
            queries, codes = (torch.cat([_encoder(model)(chunk) for chunk in side]) for side in chunks)
            _loss(queries, codes).backward()  # type: ignore[no-untyped-call]
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    difference = max(float((a - b).abs().max()) for a, b in zip(*gradients, strict=True))
    return ("cached against plain step, 22M BERT, gradients", f"{difference:.1e}", "<= 1e-5")


def memory_row(pairs: int, chunk: int) -> Row:
    """Peak memory of one cached step in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, "--child", "--pairs", str(pairs), "--chunk", str(chunk)]
    reply = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    label = f"cached step, {pairs:,} pairs x 128 tokens, 22M BERT, chunks of {chunk}: peak memory, time"
    return (label, f"{reply['peak_gb']:.2f} GB, {reply['step_s']:.0f} s", "< 4 GB")


def measure_cached_step(pairs: int, chunk: int) -> dict[str, float]:
    """One cached step; seconds, and the process's largest resident set."""
    model, ids = _mini_bert(), _token_ids(pairs)
    start = time.perf_counter()
    queries, codes = (list(torch.split(side, chunk)) for side in ids)
    cached_step(_encoder(model), queries, codes, _loss)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"step_s": time.perf_counter() - start, "peak_gb": peak_kib * 1024 / 1e9}


def square_cosent(scores: Tensor, labels: Tensor, *, scale: float = 20.0) -> Tensor:
    """CoSENT as it is usually written, with all n x n differences."""
    scores = scores * scale
    differences = scores[:, None] - scores[None, :]
    is_pair = labels[:, None] < labels[None, :]
    differences = differences.masked_fill(~is_pair, float("-inf"))
    return torch.logsumexp(torch.cat((differences.new_zeros(1), differences.flatten())), dim=0)


def _theirs(loss: CoSENTLoss) -> Callable[[Tensor, Tensor], Tensor]:
    loss.similarity_fct = lambda scores, _: scores
    return lambda scores, labels: loss.compute_loss_from_embeddings([scores, scores], labels)


def _step(
    loss: Callable[[Tensor, Tensor], Tensor], n: int, dtype: torch.dtype = torch.float32
) -> tuple[float, Tensor]:
    generator = torch.Generator().manual_seed(n)
    scores = (torch.rand(n, generator=generator, dtype=dtype) * 2 - 1).requires_grad_()
    value = loss(scores, torch.rand(n, generator=generator))
    (gradient,) = torch.autograd.grad(value, scores)
    return value.item(), gradient


def _repeat(loss: Callable[[Tensor, Tensor], Tensor], n: int, times: int) -> None:
    for _ in range(times):
        _step(loss, n)


def _interleaved(contestants: list[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds of each contestant in each round, after one round that does not count."""
    times: list[list[float]] = [[] for _ in contestants]
    for round_number in range(rounds + 1):
        for contestant, seconds in zip(contestants, times, strict=True):
            start = time.perf_counter()
            contestant()
            if round_number:
                seconds.append(time.perf_counter() - start)
    return times


def _mini_bert() -> BertModel:
    torch.manual_seed(0)
    shape = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    model: BertModel = BertModel(shape, add_pooling_layer=False).train()
    return model


def _token_ids(pairs: int) -> Tensor:
    return torch.randint(1000, 30_000, (2, pairs, 128), generator=torch.Generator().manual_seed(2))


def _encoder(model: BertModel) -> Callable[[Tensor], Tensor]:
    def encode(ids: Tensor) -> Tensor:
        states: Tensor = model(input_ids=ids).last_hidden_state
        return states.mean(dim=1)

    return encode


def _loss(queries: Tensor, codes: Tensor) -> Tensor:
    n = len(queries)
    return oasis_loss(queries, codes, torch.linspace(0, 0.9, n), torch.arange(n) % 4 == 0).total


if __name__ == "__main__":
    main()
