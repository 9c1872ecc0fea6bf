import stat
from pathlib import Path

import pytest

from storeflow.errors import TransportError
from storeflow.frames.seqpacket import Link, Listener


def test_a_socket_file_is_for_its_owner_and_group_alone(tmp_path: Path) -> None:
    listener = Listener(tmp_path / "made" / "on the way" / "a.sock")
    assert stat.S_IMODE((tmp_path / "made" / "on the way" / "a.sock").stat().st_mode) == 0o660
    assert [path.name for path in (tmp_path / "made" / "on the way").iterdir()] == ["a.sock"]
    listener.close()


def test_what_a_killed_process_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    path.write_bytes(b"stale")
    (tmp_path / ".a.sock.new").write_bytes(b"stale too")
    listener = Listener(path)
    assert path.is_socket()
    listener.close()
    assert list(tmp_path.iterdir()) == []


def test_closing_leaves_the_socket_of_a_successor_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    old = Listener(path)
    new = Listener(path)
    old.close()
    assert path.is_socket()
    new.close()
    assert not path.exists()


def test_a_socket_can_lie_deeper_than_a_socket_address_is_long(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 30) / "a.sock"
    listener, link = Listener(path), Link(path)
    assert link.receive(0.0) is None
    client = listener.accept()
    assert client is not None
    client.send(b"hello")
    assert link.receive(1.0) == (b"hello", [])
    client.close()
    listener.close()
    link.disconnect()


def test_a_folder_that_cannot_be_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TransportError, match=r"a\.sock: no socket can be made here"):
        Listener(tmp_path / "file" / "a.sock")
