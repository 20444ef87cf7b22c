"""How fast a full-size OASIS-1.5B computes on this machine, and in how much memory, beside its peers.

    python -m tests.bench.encoders SCRATCH [--texts N] [--max-tokens N] [--rounds N] [--only NAME] [--json]

Writes a Qwen2 of OASIS-1.5B's shape with random weights into SCRATCH once (3 GB, bfloat16, laid out as the
published folder). Every contestant loads it in a process of its own, answers one query, then encodes the same
functions of the standard library; rounds are interleaved, the table shows medians. Peak memory is the
process's largest resident set, files it maps included. Vectors of all contestants are compared.
"""

import argparse
import inspect
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from oasis_search.encoder.protocol import Role, Vectors
from tests.unit.encoder.checkpoints import write_json, write_modules, write_tokenizer

QUERY = "split a text into lines of at most so many characters"
SHAPE = {
    "hidden_size": 1536,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "intermediate_size": 8960,
    "vocab_size": 151936,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": True,
}
"""Of Qwen2.5-Coder-1.5B, from which OASIS-1.5B is trained."""

Encode = Callable[[Sequence[str], Role], Vectors]


@dataclass(frozen=True, slots=True)
class Run:
    """What one process of one contestant measured."""

    load_s: float
    """Imports not counted; until the first query is answered."""
    load_peak_gb: float
    query_s: float
    """One query, once warm."""
    texts_per_s: float
    texts_per_cpu_s: float
    """Of processor time, which other programs on the machine disturb less."""
    peak_gb: float
    agreement: float
    """Smallest cosine with the first contestant's vectors of the same text."""


def load_ours(folder: Path) -> Encode:
    """The served encoder."""
    from oasis_search.encoder.transformer import load_transformer

    return load_transformer(folder, device="cpu").encode


def load_peer(folder: Path, **model_options: Any) -> Encode:  # noqa: ANN401 - passed on
    """sentence-transformers; without options as anyone calls it, which computes in the stored bfloat16."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", model_kwargs=model_options)

    def encode(texts: Sequence[str], role: Role) -> Vectors:
        name = "query" if role == "query" else None
        vectors = model.encode(
            list(texts), prompt_name=name, normalize_embeddings=True, convert_to_tensor=True
        )
        return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)

    return encode


CONTESTANTS: Mapping[str, Callable[[Path], Encode]] = {
    "oasis-search": load_ours,
    "sentence-transformers": load_peer,
    "sentence-transformers-float32": lambda folder: load_peer(folder, dtype="float32"),
}
"""Name -> loader; the first is what the others' vectors are compared with."""


def write_full_size(folder: Path) -> Path:
    """The random checkpoint; kept if it is there already."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModel

    if (folder / "modules.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    config: Any = AutoConfig.for_model("qwen2", **SHAPE)
    with torch.device("meta"):
        model = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    generator = torch.Generator().manual_seed(7)
    tensors = {
        name: torch.ones(p.shape, dtype=torch.bfloat16)
        if "norm" in name
        else (torch.randn(p.shape, generator=generator) * 0.02).bfloat16()
        for name, p in model.named_parameters()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config.dtype = "bfloat16"
    config.architectures = ["Qwen2Model"]
    config.save_pretrained(folder)
    write_tokenizer(folder, "qwen", vocab_size=16_000, texts=_library_sources())
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 8192, "do_lower_case": False})
    write_modules(folder, SHAPE["hidden_size"])
    return folder


def library_functions(folder: Path, n_texts: int, *, max_tokens: int) -> list[str]:
    """Functions of the standard library of evenly spread lengths, up to `max_tokens`, in mixed order."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = sorted({source for module in _library_modules() for source in _functions(module)})
    lengths = [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    ordered = [text for n, text in sorted(zip(lengths, texts, strict=True)) if 16 <= n <= max_tokens]
    step = (len(ordered) - 1) / max(1, n_texts - 1)
    chosen = [ordered[round(index * step)] for index in range(n_texts)]
    return chosen[::2] + chosen[1::2][::-1]


def measure(name: str, folder: Path, texts: Sequence[str], vectors_file: Path) -> Run:
    """Load and encode in this very process; the first contestant leaves its vectors for the others."""
    import torch
    import transformers  # noqa: F401 - imports are not what is measured

    torch.set_num_threads(2)
    start = time.perf_counter()
    encode = CONTESTANTS[name](folder)
    encode([QUERY], "query")
    load_s, load_peak_gb = time.perf_counter() - start, _peak_gb()
    start = time.perf_counter()
    encode([QUERY], "query")
    query_s = time.perf_counter() - start
    start, cpu_start = time.perf_counter(), time.process_time()
    vectors = encode(texts, "code")
    texts_per_s = len(texts) / (time.perf_counter() - start)
    texts_per_cpu_s = len(texts) / (time.process_time() - cpu_start)
    if name == next(iter(CONTESTANTS)):
        np.save(vectors_file, vectors)
    agreement = float((np.load(vectors_file) * vectors).sum(axis=1).min())
    return Run(load_s, load_peak_gb, query_s, texts_per_s, texts_per_cpu_s, _peak_gb(), agreement)


def medians(runs: Sequence[Run]) -> Run:
    """Field by field."""
    return Run(*(median(getattr(run, field.name) for run in runs) for field in fields(Run)))


def table(results: Mapping[str, Run]) -> str:
    """Markdown, one line per contestant."""
    lines = [
        "| | load, s | peak after it, GB | one query, s | texts/s | texts/CPU s | peak, GB | least cosine |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, run in results.items():
        lines.append(
            f"| {name} | {run.load_s:.1f} | {run.load_peak_gb:.2f} | {run.query_s:.2f} | "
            f"{run.texts_per_s:.3f} | {run.texts_per_cpu_s:.3f} | {run.peak_gb:.2f} | {run.agreement:.5f} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison, or with --contestant one process of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=512, help="length of the longest text")
    parser.add_argument("--only", nargs="*", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    texts_file, vectors_file = options.scratch / "texts.json", options.scratch / "vectors.npy"
    folder = options.scratch / "oasis-1.5b-random"
    if options.contestant:
        texts = json.loads(texts_file.read_text(encoding="utf-8"))
        print(json.dumps(asdict(measure(options.contestant, folder, texts, vectors_file))))
        return
    write_full_size(folder)
    write_json(texts_file, library_functions(folder, options.texts, max_tokens=options.max_tokens))
    names = [name for index, name in enumerate(CONTESTANTS) if index == 0 or name in options.only]
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names:
            runs[name].append(_run_apart(options.scratch, name))
            print(f"round {number + 1}, {name}: {runs[name][-1]}", file=sys.stderr)
    results = {name: medians(of_name) for name, of_name in runs.items()}
    print(
        json.dumps({name: asdict(run) for name, run in results.items()}) if options.json else table(results)
    )


def _run_apart(scratch: Path, name: str) -> Run:
    command = [sys.executable, "-m", "tests.bench.encoders", str(scratch), "--contestant", name]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Run(**json.loads(output.splitlines()[-1]))


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _library_modules() -> list[ModuleType]:
    import ast
    import configparser
    import difflib
    import textwrap
    import zipfile

    return [argparse, ast, configparser, difflib, inspect, json.decoder, subprocess, textwrap, zipfile]


def _library_sources() -> list[str]:
    return [inspect.getsource(module) for module in _library_modules()]


def _functions(module: ModuleType) -> list[str]:
    """Sources of the module's functions and methods."""
    owners = [module, *(item for item in vars(module).values() if inspect.isclass(item))]
    found = [item for owner in owners for item in vars(owner).values() if isinstance(item, FunctionType)]
    return [inspect.getsource(item) for item in found if item.__module__ == module.__name__]


if __name__ == "__main__":
    main()
