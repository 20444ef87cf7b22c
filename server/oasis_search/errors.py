"""Every error that a user can meet, in one tree; messages are sentences that name the remedy.

OasisError
├── SettingError      an option or argument has a value that cannot be honoured
├── EncoderError
│   ├── ModelFolderError     a model folder is missing, damaged or of another format
│   ├── EncoderUnavailable   the encoder process is down, restarting or too slow (service/errors.py)
│   ├── TextsRefused         some texts have no vector (service/errors.py)
│   └── EndpointError        a server did not answer as it should (encoder/endpoint/errors.py)
├── StoreError        the index in the cache folder cannot be read or written
├── WorkspaceError    a folder cannot be opened, or is not a folder
└── Cancelled         the caller gave up; not a failure
"""


class OasisError(Exception):
    """Base of all errors that are shown to a user as they are."""


class SettingError(OasisError):
    """An option or argument has a value that cannot be honoured."""


class EncoderError(OasisError):
    """Text could not be turned into vectors."""


class ModelFolderError(EncoderError):
    """A model folder is missing, damaged or of another format."""


class StoreError(OasisError):
    """The index in the cache folder cannot be read or written."""


class WorkspaceError(OasisError):
    """A folder cannot be opened, or is not a folder."""


class Cancelled(OasisError):
    """The caller gave up; not a failure."""
