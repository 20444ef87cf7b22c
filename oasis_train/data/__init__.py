"""What lies between the stages of a run: rows, the Parquet tables that hold them, manifests of stages."""

from oasis_train.data.rows import (
    Docstring,
    Function,
    Judgement,
    LabelledPair,
    Pair,
    RefinedPair,
    Twin,
    falls_in_share,
    row_id,
)
from oasis_train.data.stages import Stage, StageFolder, config_facts, file_digest, files_digest
from oasis_train.data.tables import ShardedTable, read_rows, write_rows

__all__ = [
    "Docstring",
    "Function",
    "Judgement",
    "LabelledPair",
    "Pair",
    "RefinedPair",
    "ShardedTable",
    "Stage",
    "StageFolder",
    "Twin",
    "config_facts",
    "falls_in_share",
    "file_digest",
    "files_digest",
    "read_rows",
    "row_id",
    "write_rows",
]
