"""Measure ONNX model folders against sentence-transformers on the same texts, in the same run.

    python tests/bench/onnx_models.py --source FOLDER --suite FOLDER [--threads 2] [--texts 400] [--rounds 5]
        [--quality] [--json] MODEL_FOLDER...

`--source` is the sentence-transformers folder that the models were exported from, `--suite` gives the texts.
Contestants take turns, in another order each round, so that other work on the machine meets all of them; what
counts are ratios within a round. Columns: texts per second (median and best round), how often
sentence-transformers' (median over rounds of the ratio, and ratio of processor time), cosine to its vectors
(mean, least), milliseconds for one query (median), memory in MB that a fresh process grows by when it loads
the model and encodes all texts, and the metric of the whole suite with `--quality`.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oasis_search.encoder import Role, Vectors
from oasis_search.encoder.onnx import load_onnx
from oasis_train.evaluation.evaluate import score_pool
from oasis_train.evaluation.suites import Pool, Suite, load_suite

Encode = Callable[[Sequence[str], Role], Vectors]

REFERENCE = "sentence-transformers"

MEMORY_CODE = """
import json, sys
from pathlib import Path
import numpy, psutil
from oasis_search.encoder.folder import read_manifest
texts = json.load(sys.stdin)
process = psutil.Process()
before = process.memory_info().rss
from oasis_search.encoder.onnx import load_onnx
encoder = load_onnx(Path(sys.argv[1]), threads=int(sys.argv[2]))
peak = 0
for start in range(0, len(texts), 256):
    encoder.encode(texts[start : start + 256])
    peak = max(peak, process.memory_info().rss)
print(peak - before)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant."""

    name: str
    texts_per_s: float
    best_texts_per_s: float
    ratio: float
    cpu_ratio: float
    cosine: float
    least_cosine: float
    query_ms: float
    added_mb: float | None
    value: float | None


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL_FOLDER")
    parser.add_argument("--source", required=True, type=Path)
    parser.add_argument("--suite", required=True, type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quality", action="store_true", help="encode and rank all of the suite too")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    suite = load_suite(options.suite)
    codes = [code for pool in suite.pools for code in pool.codes]
    texts = random.Random(3407).sample(codes, min(options.texts, len(codes)))
    contestants = {REFERENCE: _load_reference(options.source, options.threads)}
    contestants |= {path.name: load_onnx(path, threads=options.threads).encode for path in options.models}
    speeds, cpu_speeds, vectors = _race(contestants, texts, options.rounds)
    rows = []
    for name, encode in contestants.items():
        path = next((path for path in options.models if path.name == name), None)
        cosines = (vectors[name] * vectors[REFERENCE]).sum(axis=1)
        rows.append(
            Row(
                name=name,
                texts_per_s=statistics.median(speeds[name]),
                best_texts_per_s=max(speeds[name]),
                ratio=_median_ratio(speeds[name], speeds[REFERENCE]),
                cpu_ratio=_median_ratio(cpu_speeds[name], cpu_speeds[REFERENCE]),
                cosine=float(cosines.mean()),
                least_cosine=float(cosines.min()),
                query_ms=_query_ms(encode, suite.pools[0].queries[:50]),
                added_mb=_added_mb(path, texts, options.threads) if path else None,
                value=_quality(encode, suite) if options.quality else None,
            )
        )
    print(json.dumps([asdict(row) for row in rows], indent=1) if options.json else _as_text(rows))


def _load_reference(source: Path, threads: int) -> Encode:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model: Any = SentenceTransformer(str(source), device="cpu", local_files_only=True)

    def encode(texts: Sequence[str], role: Role) -> Vectors:
        vectors: Vectors = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return vectors

    return encode


def _race(
    contestants: dict[str, Encode], texts: list[str], rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, Vectors]]:
    """Texts per second and per second of processor time, by round; and the vectors."""
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    cpu_speeds: dict[str, list[float]] = {name: [] for name in contestants}
    vectors: dict[str, Vectors] = {}
    for encode in contestants.values():
        encode(texts[:16], "code")
    for number in range(rounds):
        names = list(contestants)
        random.Random(number).shuffle(names)
        for name in names:
            wall, cpu = time.perf_counter(), time.process_time()
            vectors[name] = contestants[name](texts, "code")
            cpu_speeds[name].append(len(texts) / (time.process_time() - cpu))
            speeds[name].append(len(texts) / (time.perf_counter() - wall))
    return speeds, cpu_speeds, vectors


def _median_ratio(speeds: Sequence[float], reference: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(speeds, reference, strict=True))


def _query_ms(encode: Encode, queries: Sequence[str]) -> float:
    times = []
    for query in queries:
        start = time.perf_counter()
        encode([query], "query")
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _added_mb(path: Path, texts: list[str], threads: int) -> float:
    command = [sys.executable, "-c", MEMORY_CODE, str(path), str(threads)]
    run = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    return int(run.stdout) / 2**20


def _quality(encode: Encode, suite: Suite) -> float:
    """The suite's metric in percent, mean over pools."""
    return 100 * float(np.mean([np.mean(_score(encode, suite.metric, pool)) for pool in suite.pools]))


def _score(encode: Encode, metric: str, pool: Pool) -> list[float]:
    return score_pool(metric, pool, encode(pool.queries, "query"), encode(pool.codes, "code"))


def _as_text(rows: Sequence[Row]) -> str:
    head = f"{'':24}texts/s   best  ratio  cpu   cosine  least  query ms  added MB  metric"
    lines = [head]
    for row in rows:
        memory = f"{row.added_mb:.0f}" if row.added_mb is not None else ""
        value = f"{row.value:.2f}" if row.value is not None else ""
        speeds = f"{row.texts_per_s:7.0f}{row.best_texts_per_s:7.0f}{row.ratio:7.2f}{row.cpu_ratio:5.2f}"
        lines.append(
            f"{row.name:24}{speeds}{row.cosine:9.4f}{row.least_cosine:7.3f}{row.query_ms:10.1f}"
            f"{memory:>10}{value:>8}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
