import itertools
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


def test_a_socket_that_somebody_serves_is_not_taken_from_them(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    first = Listener(path)
    with pytest.raises(TransportError, match=r"a\.sock: somebody serves this socket already; .* stop one of them"):
        Listener(path)
    assert first.accept() is None  # nor does the first one take whoever asked for a client
    link = Link(path)
    assert link.connect()
    client = first.accept()
    assert client is not None
    client.close()
    link.disconnect()
    first.close()
    Listener(path).close()


def test_a_server_that_stays_away_is_tried_less_and_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, tried = 100.0, []
    link = Link(tmp_path / "a.sock")
    monkeypatch.setattr("storeflow.frames.seqpacket.time.monotonic", lambda: now)
    monkeypatch.setattr(link, "_reach", lambda: tried.append(now))
    for millisecond in range(3_000):
        now = 100.0 + millisecond / 1000
        assert not link.connect()
    pauses = [round(later - earlier, 2) for earlier, later in itertools.pairwise(tried)]
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5]


def test_what_a_server_said_is_read_although_it_went_without_reading_our_last_word(tmp_path: Path) -> None:
    listener, link = Listener(tmp_path / "a.sock"), Link(tmp_path / "a.sock")
    assert link.connect()
    client = listener.accept()
    assert client is not None
    client.send(b"a frame")
    client.send(b"the end")
    link.send(b"thanks")
    client.close()
    listener.close()
    assert [link.receive(0.0) for _ in range(3)] == [(b"a frame", []), (b"the end", []), None]
    assert link.fileno() is None


def test_a_server_that_hangs_up_at_once_is_not_tried_again_at_once(tmp_path: Path) -> None:
    listener, link = Listener(tmp_path / "a.sock"), Link(tmp_path / "a.sock")
    assert link.connect()
    link.disconnect()
    assert not link.connect()
    listener.close()


def test_closing_leaves_the_socket_of_a_successor_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    old = Listener(path)
    path.unlink()
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
