"""Where an encoder process is found: its files in the runtime folder, the lock that elects it, its door.

    encoder-<identity>.lock   held by the one process; the kernel lets go of it however the process ends
    encoder-<identity>.door   where it listens, its pid and a token (JSON); stale after a kill, then replaced
    encoder-<identity>.sock   its socket, unless the path is too long or the file system has none
    encoder-<identity>.log    its output, of bounded size
    encoder-<identity>.work   what it is working on, for its successor (`notes.py`)

The folder belongs to the user alone (0700), so only he can read the token or reach the socket.
"""

import contextlib
import hashlib
import json
import os
import secrets
import socket
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from oasis_search.service.errors import EncoderUnavailable

LONGEST_SOCKET_PATH = 100
"""Bytes; Linux takes 107, macOS 103."""

BACKLOG = 64


@dataclass(frozen=True, slots=True)
class Address:
    """The files of the process with one identity."""

    folder: Path
    identity: str

    def file(self, suffix: str) -> Path:
        """One of its files, e.g. `log`."""
        return self.folder / f"encoder-{self.identity}.{suffix}"


@dataclass(frozen=True, slots=True)
class Door:
    """What a door file says."""

    pid: int
    place: str | int
    """Path of a Unix socket, or a port of 127.0.0.1."""
    token: str
    """Shows that a caller can read the runtime folder."""


def make_private(folder: Path) -> None:
    """The folder exists, is the user's and closed to all others.

    Raises EncoderUnavailable when it is somebody else's or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.stat()
        if sys.platform != "win32":
            if facts.st_uid != os.geteuid():
                raise EncoderUnavailable(
                    f"{folder} belongs to another user, so no encoder process can be shared through it. "
                    "Choose another cache folder."
                )
            if stat.S_IMODE(facts.st_mode) != 0o700:
                folder.chmod(0o700)
    except OSError as error:
        raise EncoderUnavailable(
            f"{folder}, which the encoder process needs, cannot be made ({error}). "
            "Choose another cache folder."
        ) from error


def write_private(path: Path, text: str) -> None:
    """The file has this content at once or not at all, and nobody else can read it."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(part, path)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock until it is closed, or None while another process holds it.

    Whoever held it may have removed the file as his last act: then what we locked has no name any more, and
    a third process could lock a new file of that name. So the name is looked up again.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return None
        os.close(descriptor)


def read_door(address: Address) -> Door | None:
    """What the door file says; None when there is none or it is damaged."""
    try:
        facts = json.loads(address.file("door").read_text(encoding="utf-8"))
        return Door(int(facts["pid"]), facts["place"], str(facts["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def knock(address: Address, timeout_s: float) -> tuple[socket.socket, Door] | None:
    """A connection to whoever listens; None when nobody does."""
    door = read_door(address)
    if door is None:
        return None
    try:
        if isinstance(door.place, int):
            return socket.create_connection(("127.0.0.1", door.place), timeout_s), door
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            connection.connect(door.place)
        except BaseException:
            connection.close()
            raise
    except (OSError, AttributeError, TypeError):  # Nobody there, no such sockets here, or no path at all.
        return None
    return connection, door


def open_door(address: Address) -> tuple[socket.socket, Door]:
    """Listens, and says where. Only for the holder of the lock: whatever a predecessor left is removed.

    A Unix socket beside the other files; where that cannot be, in a folder of the user's among the temporary
    files; where that cannot be either, a port of this machine.
    """
    close_door(address)
    listener, place = _listen(address)
    door = Door(os.getpid(), place, secrets.token_hex(16))
    facts = {"pid": door.pid, "place": door.place, "token": door.token}
    write_private(address.file("door"), json.dumps(facts))
    return listener, door


def close_door(address: Address) -> None:
    """No door file and no socket are left."""
    door = read_door(address)
    address.file("door").unlink(missing_ok=True)
    places = [address.file("sock")]
    if door is not None and isinstance(door.place, str):
        places.append(Path(door.place))
    for path in places:
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()


def _listen(address: Address) -> tuple[socket.socket, str | int]:
    if hasattr(socket, "AF_UNIX"):
        with contextlib.suppress(OSError):
            return _listen_at(address.file("sock"))
        with contextlib.suppress(OSError, EncoderUnavailable):
            return _listen_at(_temporary_socket(address))
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    return listener, int(listener.getsockname()[1])


def _temporary_socket(address: Address) -> Path:
    """The same at every start, so that one that was left is replaced; raises OSError for a trap."""
    folder = Path(tempfile.gettempdir()) / f"oasis-{os.geteuid()}"
    if folder.is_symlink():
        raise OSError(f"{folder} leads elsewhere.")
    make_private(folder)
    digest = hashlib.sha256(os.fsencode(address.folder) + address.identity.encode()).hexdigest()[:24]
    path = folder / f"{digest}.sock"
    path.unlink(missing_ok=True)
    return path


def _listen_at(path: Path) -> tuple[socket.socket, str]:
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise OSError(f"{path} is too long for a socket.")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        os.chmod(path, 0o600)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener, str(path)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
