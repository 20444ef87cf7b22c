"""The README.md of a trained table, made from its run."""

import json
from collections.abc import Mapping
from typing import Any


def model_card(
    *,
    name: str,
    licence: str,
    n_words: int,
    dim: int,
    facts: Mapping[str, Any],
    stages: Mapping[str, Mapping[str, Any]],
) -> str:
    """Markdown for people: what it is, how to use it, what it was made from; `stages` are their manifests."""
    languages = ", ".join(f"{language} {count:,}" for language, count in facts["languages"].items())
    made_from = "".join(
        f"- **{stage}**: {', '.join(_plain_facts(manifest['facts']))} (key `{manifest['key'][:12]}`)\n"
        for stage, manifest in stages.items()
    )
    hidden = facts["settings"]["hidden"]
    layer = f", behind which each role has a layer of {hidden}" if hidden else ""
    losses = " ".join(f"{loss:.3f}" for loss in facts["losses"])
    return f"""---
license: {licence.lower()}
tags: [code-search, feature-extraction, static-embeddings]
---

# {name}

A vector of {dim} components for each of {n_words:,} words, as int8; a text is the weighted
sum of the vectors of its words, cut from identifiers{layer}. numpy is all it needs.
It tells what code is about, not what it does step by step. Roles have weights of their own, which
the StaticEmbedding of sentence-transformers cannot hold: it is read by OASIS only.

## Use

```python
from oasis_search.encoder import load

encoder = load("path/to/this/folder")
query = encoder.encode(["read a file line by line"], role="query")
code = encoder.encode(functions)
```

## Data

{facts["rows"]:,} pairs of words and code ({languages or "languages not recorded"}).

{made_from}
## Training

Start: {facts["start"]}. Loss of each epoch: {losses}.

<details><summary>All settings</summary>

```json
{json.dumps(facts["settings"], indent=1)}
```

</details>

Licence of the weights: {licence}.
"""


def _plain_facts(facts: Mapping[str, Any]) -> list[str]:
    return [
        f"{key.replace('_', ' ')} {round(value, 4) if isinstance(value, float) else value}"
        for key, value in facts.items()
        if isinstance(value, int | float | str) and value != ""
    ]
