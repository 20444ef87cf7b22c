"""Where a process is found: private files, one holder of the lock, doors that lead to a listener."""

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from oasis_search.service.address import (
    Address,
    close_door,
    knock,
    make_private,
    open_door,
    read_door,
    try_lock,
    write_private,
)
from oasis_search.service.errors import EncoderUnavailable


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def check_door(address: Address) -> None:
    """Somebody who reads the door reaches the listener, and nothing is left after it is closed."""
    listener, door = open_door(address)
    assert mode_of(address.file("door")) == 0o600
    found = knock(address, 5)
    assert found is not None
    connection, seen = found
    assert seen == door
    accepted, _ = listener.accept()
    accepted.sendall(b"x")
    assert connection.recv(1) == b"x"
    for each in (accepted, connection, listener):
        each.close()
    close_door(address)
    assert knock(address, 5) is None
    assert not list(address.folder.iterdir())
    if isinstance(door.place, str):
        assert not Path(door.place).exists()


def test_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    make_private(folder)
    assert mode_of(folder) == 0o700
    folder.chmod(0o777)
    make_private(folder)
    assert mode_of(folder) == 0o700


def test_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(EncoderUnavailable, match="another user"):
        make_private(tmp_path)


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderUnavailable, match="file/run"):
        make_private(tmp_path / "file" / "run")


def test_socket_lies_beside_the_door_and_is_private() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are too long on some machines
        address = Address(Path(name), "id")
        listener, door = open_door(address)
        listener.close()
        assert door.place == str(address.file("sock"))
        assert mode_of(address.file("sock")) == 0o600
        close_door(address)
        check_door(address)


@pytest.fixture
def deep(tmp_path: Path) -> Address:
    """A folder whose path is too long for a socket."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    return Address(folder, "id")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short folder for temporary files."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def test_path_too_long_for_a_socket_puts_it_among_temporary_files(deep: Address, temporary: Path) -> None:
    listener, door = open_door(deep)
    listener.close()  # As after kill -9.
    (folder,) = temporary.iterdir()
    assert mode_of(folder) == 0o700
    assert Path(str(door.place)).parent == folder
    check_door(deep)
    assert not list(folder.iterdir())


def test_two_runtime_folders_do_not_share_a_temporary_socket(deep: Address, temporary: Path) -> None:
    other = deep.folder / "y"
    other.mkdir()
    doors = [open_door(address) for address in (deep, Address(other, "id"))]
    for listener, _ in doors:
        listener.close()
    assert doors[0][1].place != doors[1][1].place


def test_trap_among_temporary_files_is_avoided(deep: Address, temporary: Path) -> None:
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (temporary / f"oasis-{os.geteuid()}").symlink_to(elsewhere)
    check_door(deep)
    listener, door = open_door(deep)
    listener.close()
    assert isinstance(door.place, int)
    assert not list(elsewhere.iterdir())
    close_door(deep)


def test_without_unix_sockets_a_port_of_this_machine_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    listener, door = open_door(Address(tmp_path, "id"))
    assert listener.getsockname()[0] == "127.0.0.1"
    assert isinstance(door.place, int)
    listener.close()
    check_door(Address(tmp_path, "id"))


def test_stale_socket_is_replaced(tmp_path: Path) -> None:
    address = Address(tmp_path, "id")
    open_door(address)[0].close()  # As after kill -9: the files are there, nobody listens.
    assert knock(address, 5) is None
    check_door(address)


def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    address = Address(tmp_path, "id")
    precious = tmp_path / "precious"
    precious.write_text("x")
    write_private(address.file("door"), f'{{"pid": 1, "place": "{precious}", "token": ""}}')
    close_door(address)
    assert precious.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "place": 1, "token": ""}'])
def test_damaged_door_is_no_door(tmp_path: Path, text: str) -> None:
    address = Address(tmp_path, "id")
    address.file("door").write_text(text)
    assert read_door(address) is None
    assert knock(address, 5) is None


@pytest.mark.parametrize("place", ["null", "[]", '"/nowhere/at/all"', "1"])
def test_door_that_leads_nowhere_opens_to_nobody(tmp_path: Path, place: str) -> None:
    address = Address(tmp_path, "id")
    address.file("door").write_text(f'{{"pid": 1, "place": {place}, "token": ""}}')
    assert knock(address, 5) is None


def test_lock_has_one_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = try_lock(path)
    assert first is not None
    assert try_lock(path) is None
    os.close(first)
    second = try_lock(path)
    assert second is not None
    os.close(second)


def test_lock_that_was_removed_while_held_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened before its holder removed it: a lock without a name, beside which another could be held."""
    path = tmp_path / "lock"
    path.write_text("")
    opened = os.open
    calls = []

    def open_and_lose(name: Path, flags: int, mode: int) -> int:
        descriptor = opened(name, flags, mode)
        calls.append(name)
        if len(calls) == 1:
            path.unlink()
        return descriptor

    monkeypatch.setattr(os, "open", open_and_lose)
    held = try_lock(path)
    monkeypatch.undo()
    assert held is not None
    assert len(calls) == 2
    assert os.path.samestat(os.fstat(held), path.stat())
    os.close(held)
