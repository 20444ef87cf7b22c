"""A BERT's tokenizer made fit for code: identifiers split, signs dropped, frequent words whole.

WordPiece cuts `parseHTTPDate(s)` into pieces that mean nothing and spends two of three tokens of code on
punctuation. Here identifiers are cut where a reader would cut them, only arithmetic keeps its signs, and
entries of the vocabulary that no text uses are given to words of the training texts, which start as the mean
of their pieces. Half the tokens is half the time, in training and at work.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from oasis_search.encoder.json_files import read_object
from oasis_train.errors import TrainingError
from oasis_train.training.template import TOKENIZER_FILES

_SPLIT = (
    (r"\n\s*\*+/?", "\n"),  # the left edge of a block comment
    (r"(?<=[a-z0-9])(?=[A-Z])", " "),
    (r"(?<=[A-Z])(?=[A-Z][a-z])", " "),
    (r"_+", " "),
)

_WITHOUT_SIGNS = (
    *_SPLIT,
    # All signs but arithmetic between blanks, and those of C#, F# and C++.
    (r"(?!(?<=\s)[-+*/%^|&](?=[\s=]))(?!(?<=\b[cCfF])#)(?!(?<=\b[cC])\+\+)(?!(?<=\b[cC]\+)\+)[^\w\s]", " "),
)

_WITH_SIGNS = (
    *_SPLIT,
    (r"[{};]|\(\)", " "),  # they end and enclose, and say nothing more
    (r"([^\w\s])(?=\1\1)", ""),  # rulers, triple quotes: two of a run stay
)

LEAST_COUNT = 20
"""A rarer word gets no entry of its own."""


def write_code_backbone(
    folder: Path, backbone: Path, texts: Iterable[str], words: int, *, signs: bool = False
) -> None:
    """Copy `backbone` to `folder` with such a tokenizer and up to `words` new words of `texts`.

    `signs` keeps the punctuation that says something: three tokens where two would be. A backbone that has
    such a tokenizer already, as one that was trained with it, is read by the rules asked for; its words stay.

    Raises TrainingError for a tokenizer that is not lower-casing WordPiece, which alone is understood.
    """
    import torch
    from safetensors.torch import load_file, save_file
    from tokenizers import Tokenizer

    folder.mkdir(parents=True, exist_ok=True)
    for name in (*TOKENIZER_FILES, "config.json"):
        if (backbone / name).is_file():
            shutil.copyfile(backbone / name, folder / name)
    facts = read_object(folder / "tokenizer.json")
    normalizer = _without_rules(facts["normalizer"] or {})
    if facts["model"].get("type") != "WordPiece" or normalizer.get("type") != "BertNormalizer":
        raise TrainingError(
            f'The tokenizer of {backbone} is no BERT\'s, so train.tokenizer = "code" cannot change it. '
            'Set it to "backbone".'
        )
    facts["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            *map(_replacement, _WITH_SIGNS if signs else _WITHOUT_SIGNS),
            normalizer,
        ],
    }
    old = Tokenizer.from_str(json.dumps(facts))
    old.no_padding()
    old.no_truncation()
    chosen = _new_words(old, facts["model"]["vocab"], texts, words)
    pieces = {word: old.encode(word, add_special_tokens=False).ids for _, word in chosen}
    vocabulary: dict[str, int] = facts["model"]["vocab"]
    for entry, word in chosen:
        vocabulary[word] = vocabulary.pop(entry)
    ordered = dict(sorted(vocabulary.items(), key=lambda item: item[1]))
    facts["model"]["vocab"] = ordered
    (folder / "tokenizer.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in ordered), encoding="utf-8")
    weights = backbone / "model.safetensors"
    if not weights.is_file():
        return
    state = load_file(weights)
    table = next((name for name in state if name.endswith("word_embeddings.weight")), None)
    if table is None:
        raise TrainingError(f"{weights} has no word_embeddings.weight. Name a BERT's folder as backbone.")
    before = state[table].clone()
    for word, ids in pieces.items():
        state[table][ordered[word]] = before[torch.tensor(ids)].mean(dim=0)
    save_file(state, folder / "weights.part", metadata={"format": "pt"})
    (folder / "weights.part").replace(folder / "model.safetensors")  # its presence says that all is here


def _without_rules(normalizer: dict[str, Any]) -> dict[str, Any]:
    """What follows our own rules in `normalizer`; all of it where they do not come first."""
    steps = normalizer.get("normalizers", [])
    if steps and steps[:-1] in [list(map(_replacement, rules)) for rules in (_WITH_SIGNS, _WITHOUT_SIGNS)]:
        return dict(steps[-1])
    return normalizer


def _replacement(rule: tuple[str, str]) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"Regex": rule[0]}, "content": rule[1]}


def _new_words(
    tokenizer: Any,  # noqa: ANN401 - tokenizers.Tokenizer
    vocabulary: dict[str, int],
    texts: Iterable[str],
    most: int,
) -> list[tuple[str, str]]:
    """(entry that no text uses, word that takes its place), the words that save most tokens first."""
    counts: Counter[str] = Counter()
    for text in texts:
        normal = tokenizer.normalizer.normalize_str(text)
        counts.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal))
    used: set[int] = set()
    gains: list[tuple[int, str]] = []
    for word, count in counts.items():
        ids = tokenizer.encode(word, add_special_tokens=False).ids
        used.update(ids)
        if len(ids) > 1 and count >= LEAST_COUNT and word.isascii() and word.isalnum() and not word.isdigit():
            gains.append((count * (len(ids) - 1), word))
    free = [
        entry
        for entry, number in sorted(vocabulary.items(), key=lambda item: item[1])
        if number not in used and (entry.startswith("[unused") or not entry.isascii())
    ]
    best = [word for _, word in sorted(gains, key=lambda gain: (-gain[0], gain[1]))]
    return list(zip(free, best[:most], strict=False))
