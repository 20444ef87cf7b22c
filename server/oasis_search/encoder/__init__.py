"""Encoders: text in, unit-length float32 vectors out."""

from oasis_search.encoder.folder import Manifest, read_manifest, verify_folder
from oasis_search.encoder.hashing import HashingEncoder
from oasis_search.encoder.load import load, shipped_models
from oasis_search.encoder.protocol import Encoder, Role, Vectors
from oasis_search.encoder.static import BagEncoder, StaticEncoder

__all__ = [
    "BagEncoder",
    "Encoder",
    "HashingEncoder",
    "Manifest",
    "Role",
    "StaticEncoder",
    "Vectors",
    "load",
    "read_manifest",
    "shipped_models",
    "verify_folder",
]
