"""The encoder in a process of its own, shared by all windows of a user."""

from oasis_search.service.client import EncoderClient, Patience
from oasis_search.service.errors import EncoderUnavailable, TextsRefused
from oasis_search.service.spec import Description, EncoderSpec, ServiceState

__all__ = [
    "Description",
    "EncoderClient",
    "EncoderSpec",
    "EncoderUnavailable",
    "Patience",
    "ServiceState",
    "TextsRefused",
]
