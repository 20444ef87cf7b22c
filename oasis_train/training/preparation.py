"""From the tables of earlier stages to a folder of token ids: pairs as row numbers, every text encoded once.

A run that was killed goes on after the last whole file. Deliberately knows nothing of models.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oasis_train.data import row_id
from oasis_train.data.files import whole_file
from oasis_train.data.progress import Progress
from oasis_train.errors import DataError
from oasis_train.training.data import COUNTS_NAME, DEV_NAME, PAIR, PAIRS_NAME, token_table
from oasis_train.training.tokens import Texts, TokenTable, id_numbers, write_tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer


_ROWS_AT_A_TIME = 4096


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders of tables."""

    functions: Path
    docstrings: Path
    pairs: Path


def prepare_rows(
    folder: Path,
    sources: Sources,
    tokenizer: "Tokenizer",
    prompts: tuple[str, str],
    *,
    dev_sample: int,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Fill `folder`, going on where a run that was killed stopped.

    `prompts` go before docstrings and code. Raises DataError when a table is missing or damaged, a pair names
    a text that is not there, a similarity is not a number of [0, 1), or nothing is left to train on.
    """
    if (folder / COUNTS_NAME).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    used = _used_ids(sources.pairs)
    shards = [(sources.docstrings, "docstrings", prompts[0]), (sources.functions, "codes", prompts[1])]
    total = sum(pq.read_metadata(path).num_rows for table, _, _ in shards for path in _shards(table))
    done = 0
    for (table, name, prompt), wanted in zip(shards, used, strict=True):
        for path in _shards(table):
            target = folder / name / f"{path.stem}.arrow"
            if not target.is_file():
                texts = _docstring_texts(path) if name == "docstrings" else _code_texts(path)
                write_tokens(target, (_only(batch, wanted) for batch in texts), tokenizer, prompt)
            done += pq.read_metadata(path).num_rows
            if progress is not None:
                progress("tokens", done, total)
    if not (folder / DEV_NAME).is_file():
        with whole_file(folder / DEV_NAME) as part:
            part.write_text(json.dumps(_dev_sample(sources, dev_sample, seed)), encoding="utf-8")
    docstrings = token_table(folder, "docstrings")
    codes = token_table(folder, "codes")
    counts = _write_pairs(folder / PAIRS_NAME, sources.pairs, docstrings, codes)
    if not counts["pairs"]:
        raise DataError(
            f"{sources.pairs} has no pair of the training split with text on both sides "
            f"({counts['dev']} of held-out repositories, {counts['empty']} empty). Build a larger corpus."
        )
    counts |= {"docstrings": len(docstrings), "functions": len(codes)}
    with whole_file(folder / COUNTS_NAME) as part:
        part.write_text(json.dumps(counts, sort_keys=True), encoding="utf-8")


def _used_ids(pairs: Path) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Sorted ids of the docstrings and of the functions that pairs name."""
    found: tuple[list[Any], list[Any]] = ([], [])
    for path in _shards(pairs):
        for columns in _columns(path, ["docstring", "function"]):
            for ids, kept in zip(columns, found, strict=True):
                kept.append(np.unique(id_numbers(ids, path)))
        for kept in found:
            kept[:] = [np.unique(np.concatenate(kept))] if kept else []
    empty = np.zeros(0, dtype=np.uint64)
    docstrings, functions = (kept[0] if kept else empty for kept in found)
    return docstrings, functions


def _only(batch: Texts, wanted: NDArray[np.uint64]) -> Texts:
    kept = np.flatnonzero(np.isin(batch.ids, wanted))
    if len(kept) == len(batch.ids):
        return batch
    rows = kept.tolist()
    return Texts(
        batch.ids[kept],
        [batch.repositories[row] for row in rows],
        [batch.train[row] for row in rows],
        [batch.texts[row] for row in rows],
        [batch.groups[row] for row in rows] if batch.groups else (),
    )


def _docstring_texts(path: Path) -> Iterator[Texts]:
    for ids, texts in _columns(path, ["function", "text"]):
        yield Texts(id_numbers(ids, path), [""] * len(ids), [True] * len(ids), texts)


def _code_texts(path: Path) -> Iterator[Texts]:
    columns = ["id", "repository", "split", "code", "task"]
    for ids, names, splits, codes, tasks in _columns(path, columns):
        yield Texts(id_numbers(ids, path), names, [split == "train" for split in splits], codes, tasks)


def _write_pairs(target: Path, table: Path, docstrings: TokenTable, codes: TokenTable) -> dict[str, int]:
    """Write the pairs of the training split that have text on both sides; returns counts."""
    counts = {"pairs": 0, "positives": 0, "dev": 0, "empty": 0}
    has_docstring, has_code = docstrings.lengths() > 0, codes.lengths() > 0
    with whole_file(target) as part, part.open("wb") as file:
        for path in _shards(table):
            first = 0
            for asked, named, is_gt, labels in _columns(
                path, ["docstring", "function", "is_gt", "similarity"]
            ):
                similarities = np.array(labels, dtype=np.float64)
                _check_similarities(similarities, path, first)
                pairs = np.empty(len(asked), dtype=PAIR)
                pairs["docstring"] = _find(docstrings, asked, path, "docstring")
                pairs["code"] = _find(codes, named, path, "function")
                pairs["similarity"], pairs["is_gt"] = similarities, is_gt
                trained = codes.train[pairs["code"]]
                full = has_docstring[pairs["docstring"]] & has_code[pairs["code"]]
                kept = pairs[trained & full]
                kept.tofile(file)
                counts["pairs"] += len(kept)
                counts["positives"] += int(kept["is_gt"].sum())
                counts["dev"] += int((~trained).sum())
                counts["empty"] += int((trained & ~full).sum())
                first += len(asked)
    return counts


def _check_similarities(values: NDArray[np.float64], path: Path, first: int) -> None:
    wrong = np.flatnonzero(~((values >= 0) & (values < 1)))
    if len(wrong):
        raise DataError(
            f"{path}, row {first + int(wrong[0]) + 1}: the similarity is {values[wrong[0]]}, not a number "
            "from 0 to below 1. Run the label and refine stages again."
        )


def _find(table: TokenTable, ids: Sequence[str], path: Path, what: str) -> NDArray[np.int64]:
    rows = table.find(id_numbers(ids, path))
    missing = np.flatnonzero(rows < 0)
    if len(missing):
        raise DataError(
            f"{path} names the {what} {ids[missing[0]]}, which the tables of the corpus and docstrings "
            "stages do not have. Run the stages after them again."
        )
    return rows


def _dev_sample(sources: Sources, size: int, seed: int) -> list[tuple[str, str, str]]:
    """Held-out functions with a docstring: those that `seed` picks, whatever order the tables have."""
    if size == 0:
        return []
    described = [np.zeros(0, dtype=np.uint64)]
    for path in _shards(sources.docstrings):
        described += [id_numbers(ids, path) for (ids,) in _columns(path, ["function"])]
    known = np.unique(np.concatenate(described))
    codes: dict[str, str] = {}
    for path in _shards(sources.functions):
        rows = pyarrow.dataset.dataset(path, format="parquet").scanner(
            columns=["id", "code"], filter=pyarrow.dataset.field("split") == "dev", batch_size=_ROWS_AT_A_TIME
        )
        for batch in rows.to_batches():
            ids, texts = (column.to_pylist() for column in batch.columns)
            kept = np.isin(id_numbers(ids, path), known)
            codes |= {name: text for name, text, keep in zip(ids, texts, kept, strict=True) if keep and text}
            if len(codes) > size:
                best = sorted(codes, key=lambda name: row_id(str(seed), name))[:size]
                codes = {name: codes[name] for name in best}
    chosen = np.sort(id_numbers(list(codes), sources.functions)) if codes else known[:0]
    texts_by_id: dict[str, str] = {}
    for path in _shards(sources.docstrings):
        for ids, texts in _columns(path, ["function", "text"]):
            for row in np.flatnonzero(np.isin(id_numbers(ids, path), chosen)):
                texts_by_id[ids[row]] = texts[row]
    return [(name, texts_by_id[name], codes[name]) for name in sorted(codes) if texts_by_id.get(name)]


def _shards(table: Path) -> list[Path]:
    paths = sorted(table.glob("part-*.parquet"))
    if not paths:
        raise DataError(f"{table} holds no table. Run the stage that makes it first.")
    return paths


def _columns(path: Path, names: list[str]) -> Iterator[list[list[Any]]]:
    """Some columns of a Parquet file, a few thousand rows at a time."""
    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in names if name not in file.schema_arrow.names]
            if missing:
                raise DataError(f"{path} has no column {missing[0]}. Run its stage again.")
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=names):
                yield [batch.column(name).to_pylist() for name in names]
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read ({error}). Delete it and run its stage again.") from error
