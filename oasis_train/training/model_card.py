"""README.md of a trained model, made from what the run recorded; holds no date and no path."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oasis_train.training.config import TrainConfig


def model_card(
    config: TrainConfig,
    *,
    base: str,
    dim: int,
    served_tokens: int,
    data: Mapping[str, int],
    stages: Mapping[str, Mapping[str, Any]],
    run: Mapping[str, Any],
    results: Mapping[str, float],
) -> str:
    """The card.

    `base` names the start weights, `data` are the counts of the training rows, `stages` the manifests of the
    stages before, `run` what training did, `results` the figures of the last evaluation, in percent.
    """
    parts = [
        _front_matter(config, base),
        f"# {config.name}\n",
        f"Maps questions in words and code to vectors of {dim} components, to be compared by cosine. "
        f"Trained with oasis-train from {base or 'random weights'} on {data['pairs']:,} pairs of docstring "
        "and code.",
        _usage(config),
        "## Data\n\n"
        + _table({"what": "count"}, {name.replace("_", " "): f"{n:,}" for name, n in data.items()}),
        "### Stages\n\n" + "\n".join(_stage(name, facts) for name, facts in stages.items()),
        "## Training\n\n" + _table({"what": "value"}, {k.replace("_", " "): v for k, v in run.items()}),
        "<details><summary>All settings</summary>\n\n```json\n"
        + json.dumps(_settings(config), indent=1)
        + "\n```\n\n</details>",
        _results(results, drawn="views" in stages),
        f"## Limits\n\nTexts are read up to {served_tokens:,} tokens; training saw {config.max_tokens:,}. "
        "Scores of different models cannot be compared with each other.",
        f"## Licence\n\n{config.licence}",
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _front_matter(config: TrainConfig, base: str) -> str:
    lines = [
        "---",
        f"license: {config.licence.lower()}",
        "library_name: sentence-transformers",
        "pipeline_tag: sentence-similarity",
        "tags: [sentence-transformers, code-search, feature-extraction]",
        *([f"base_model: {base}"] if "/" in base else []),
        "---",
    ]
    return "\n".join(lines)


def _usage(config: TrainConfig) -> str:
    lines = ["```python", "from sentence_transformers import SentenceTransformer", ""]
    lines += ['model = SentenceTransformer("path/to/this/folder")']
    query = 'prompt_name="query"' if config.query_prompt else ""
    code = 'prompt_name="document"' if config.code_prompt else ""
    lines += [f'query = model.encode(["read a file line by line"]{", " * bool(query)}{query})']
    lines += [f"code = model.encode(functions{', ' * bool(code)}{code})", "```"]
    prompts = [
        f"- {role}: {json.dumps(text, ensure_ascii=False) if text else 'none'}"
        for role, text in (("question", config.query_prompt), ("code", config.code_prompt))
    ]
    return "## Use\n\n" + "\n".join(lines) + "\n\nPrompts, byte for byte:\n\n" + "\n".join(prompts)


def _stage(name: str, manifest: Mapping[str, Any]) -> str:
    facts = {
        key: value
        for key, value in manifest.get("facts", {}).items()
        if isinstance(value, str | int | float | bool)
    }
    listed = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items())
    return f"- **{name}**{f': {listed}' if listed else ''} (key `{str(manifest.get('key', ''))[:12]}`)"


def _settings(config: TrainConfig) -> dict[str, Any]:
    return {
        name: Path(value).name if name == "backbone" and Path(str(value)).is_absolute() else value
        for name, value in config.facts.items()
    }


def _results(results: Mapping[str, float], *, drawn: bool) -> str:
    """`drawn`: whether `dev` was shown as training was, by the stage `views`."""
    if not results:
        return "## Results\n\nNot evaluated during training."
    rows = {name: f"{value:.2f}" for name, value in results.items()}
    form = ", both in the forms that the stage views drew for training" if drawn else ""
    return (
        "## Results\n\nIn percent, by each suite's own metric, exact search, texts cut at the lengths of "
        f"training. `dev` is MRR@1000 of held-out repositories' documentation against their code{form}.\n\n"
        + _table({"suite": "figure"}, rows)
    )


def _table(head: Mapping[str, str], rows: Mapping[str, Any]) -> str:
    lines = [f"| {left} | {right} |" for left, right in [*head.items(), ("---", "---:"), *rows.items()]]
    return "\n".join(lines)
