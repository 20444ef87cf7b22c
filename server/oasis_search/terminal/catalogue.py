"""The models that are known here, and what their folders say: those that ship, OASIS's own, the hub's cache.

Reads manifests and JSON files, never weights, and asks nothing of the network unless a download is wanted. An
endpoint, when one is set, counts as a model of the name `endpoint`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oasis_search.encoder import read_manifest, shipped_models
from oasis_search.encoder.folder import MANIFEST_NAME
from oasis_search.encoder.hub import ALIASES, is_short_name, locate
from oasis_search.encoder.layout import Layout, read_layout
from oasis_search.encoder.load import ENDPOINT
from oasis_search.encoder.modules import MODULES_NAME
from oasis_search.errors import EncoderError, ModelFolderError, SettingError
from oasis_search.preferences import preferences_path
from oasis_search.settings import EndpointSettings, Settings

_OASIS_FACTS: Mapping[str, tuple[int, str]] = {"oasis-1.5b": (1536, "1.5B"), "oasis-1.3b": (2048, "1.3B")}
"""Dimensions and parameters as published, for models that are not on this machine."""
_OASIS_LICENCE = "MIT"

_SAID_ELSEWHERE = frozenset({"url", "dimensions", "query_prompt", "code_prompt"})

_LICENCE = re.compile(r"^license:[ \t]*[\"']?([\w.+-]+)", re.MULTILINE)
_OWNER_AND_NAME = re.compile(r"models--([^/]+?)--([^/]+)")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model without loading it."""

    name: str
    """What a user calls it, and what `load` takes."""
    kind: str
    """As in a manifest (`static`, `onnx`, `joined`), `transformer` (sentence-transformers), `endpoint`."""
    dim: int
    """0 for an endpoint whose model decides."""
    licence: str
    folder: Path | None = None
    """None when it is not on this machine."""
    url: str = ""
    """Of an endpoint."""
    n_bytes: int = 0
    """Of its files; 0 when it is not on this machine."""
    parameters: str = ""
    """How many, as in `1.5B`; empty when that is not published."""
    details: Mapping[str, Any] | None = None
    """Everything else that changes vectors or tells where they come from, ready for JSON."""


def locate_model(typed: str, *, download: bool = False) -> Path:
    """The folder of a model by name (shipped, OASIS's own, `owner/name` on the hub) or path.

    Raises SettingError for a name that nothing bears, EncoderError for one that is not on this machine and
    is not to be downloaded, or could not be.
    """
    shipped = shipped_models()
    if typed in shipped:
        return shipped[typed]
    try:
        folder = Path(typed).expanduser()
        if folder.is_dir():
            return folder.absolute()
    except (OSError, RuntimeError, ValueError):
        pass  # It is no path, which the next lines say.
    if not is_short_name(typed) and not re.fullmatch(r"[\w.-]+/[\w.-]+", typed):
        raise SettingError(
            f"There is no model {typed!r}: it is no folder. The package ships "
            f"{', '.join(shipped) or 'none'}; others are {', '.join(ALIASES)} and names on the hub, as "
            "owner/name."
        )
    return locate(typed, download=download)


def read_facts(name: str, settings: Settings) -> ModelFacts:
    """What is known of a model on this machine, or of the endpoint that `settings` name.

    Raises SettingError or EncoderError for a name that leads to no folder, ModelFolderError for a folder
    that is no model's, is damaged, or asks for something that would not be honoured.
    """
    if name == ENDPOINT:
        return _endpoint_facts(settings.endpoint)
    folder = locate_model(name)
    if (folder / MANIFEST_NAME).is_file():
        manifest = read_manifest(folder)
        return ModelFacts(
            name=name,
            kind=manifest.kind,
            dim=manifest.dim,
            licence=manifest.licence,
            folder=folder,
            n_bytes=sum(record.n_bytes for record in manifest.files.values()),
            details={
                "prompts": dict(manifest.prompts),
                "options": dict(manifest.options),
                "training": dict(manifest.training),
            },
        )
    if not (folder / MODULES_NAME).is_file():
        raise ModelFolderError(
            f"{folder} is not a model folder: it has neither {MANIFEST_NAME} nor {MODULES_NAME}. Name one "
            'that "oasis-train export" wrote, or one in the layout of sentence-transformers.'
        )
    layout = read_layout(folder)
    return ModelFacts(
        name=name,
        kind="transformer",
        dim=layout.dim,
        licence=_licence_of(name, folder),
        folder=folder,
        n_bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        parameters=_OASIS_FACTS.get(name.lower(), (0, ""))[1],
        details={"prompts": dict(layout.prompts), "options": _options_of(layout), "training": {}},
    )


def known_models(settings: Settings) -> list[ModelFacts]:
    """Shipped models, OASIS's own, what the hub's cache holds, an endpoint, and the one in use, each once.

    What cannot be honoured is left out: `read_facts` says why.
    """
    known = {name: _facts_or_none(name, settings) for name in shipped_models()}
    for alias, (dim, parameters) in _OASIS_FACTS.items():
        known[alias] = _facts_or_none(alias, settings) or ModelFacts(
            alias, "transformer", dim, _OASIS_LICENCE, parameters=parameters
        )
    for name in _cached_names():
        if name not in ALIASES.values():
            known[name] = _facts_or_none(name, settings)
    for name in (settings.search.model, ENDPOINT):
        known.setdefault(name, _facts_or_none(name, settings))
    return [facts for facts in known.values() if facts is not None]


def _facts_or_none(name: str, settings: Settings) -> ModelFacts | None:
    try:
        return read_facts(name, settings)
    except (EncoderError, SettingError, OSError):
        return None


def _cached_names() -> list[str]:
    """`owner/name` of everything in the hub's cache that may be a model."""
    from huggingface_hub.constants import HF_HUB_CACHE

    found = (_OWNER_AND_NAME.fullmatch(holder.name) for holder in Path(HF_HUB_CACHE).glob("models--*"))
    return sorted(f"{each[1]}/{each[2]}" for each in found if each is not None)


def _endpoint_facts(endpoint: EndpointSettings) -> ModelFacts:
    if not endpoint.url:
        raise SettingError(
            f"No endpoint is set. Write its url and model into {preferences_path()}, as in: [endpoint] "
            'url = "http://127.0.0.1:8080/v1" model = "name"'
        )
    limits = {
        name: getattr(endpoint, name) for name in endpoint.__dataclass_fields__ if name not in _SAID_ELSEWHERE
    }
    return ModelFacts(
        name=ENDPOINT,
        kind="endpoint",
        dim=endpoint.dimensions,
        licence="",
        url=endpoint.url,
        details={
            "prompts": {"query": endpoint.query_prompt, "code": endpoint.code_prompt},
            "options": limits,
            "training": {},
        },
    )


def _licence_of(name: str, folder: Path) -> str:
    """The licence that a model card names; empty when there is no card or it names none."""
    try:
        found = _LICENCE.search((folder / "README.md").read_text(encoding="utf-8", errors="replace")[:4000])
    except OSError:
        found = None
    if found is not None:
        return found[1]
    return _OASIS_LICENCE if name.lower() in ALIASES or name in ALIASES.values() else ""


def _options_of(layout: Layout) -> dict[str, Any]:
    return {
        "architecture": layout.architecture,
        "pooling": layout.pooling,
        "include_prompt": layout.include_prompt,
        "normalise": layout.normalise,
        "dense": [
            {"in": each.in_features, "out": each.out_features, "activation": each.activation}
            for each in layout.dense
        ],
        "max_length": layout.max_length,
        "lower_case": layout.lower_case,
        "hidden": layout.hidden,
        "truncate_dim": layout.truncate_dim,
    }
