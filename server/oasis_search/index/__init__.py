"""The index: records of files, quantised vectors, frozen snapshots, lexical and dense search, the store."""

from oasis_search.index.record import FileRecord, decode_record, encode_record, unit_key
from oasis_search.index.segment import IndexedFile
from oasis_search.index.snapshot import Delta, Snapshot, UnitView
from oasis_search.index.store import Entry, Store, store_path
from oasis_search.index.vectors import VectorColumn, quantise

__all__ = [
    "Delta",
    "Entry",
    "FileRecord",
    "IndexedFile",
    "Snapshot",
    "Store",
    "UnitView",
    "VectorColumn",
    "decode_record",
    "encode_record",
    "quantise",
    "store_path",
    "unit_key",
]
