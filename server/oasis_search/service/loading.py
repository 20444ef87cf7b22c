"""From a spec to an encoder, inside of the process. The only module here that knows the loaders."""

from typing import Any

from oasis_search.encoder.load import load
from oasis_search.encoder.protocol import Encoder
from oasis_search.service.spec import EncoderSpec


def load_encoder(spec: EncoderSpec) -> Encoder:
    """The encoder that `spec` names. Raises EncoderError or ModelFolderError, a sentence for the user."""
    options: dict[str, Any] = dict(spec.options)
    return load(spec.model, threads=spec.threads, **options)
