"""Unix SEQPACKET sockets by path: datagrams that arrive whole and in order, and an end that both sides see.

A socket file is bound under a hidden name, given its mode and renamed into place, so that nobody meets one that
is half made, and a file that a killed process left behind is replaced; one that a living process serves is not. Paths
may be of any length: a socket is addressed through its folder's descriptor, because the kernel takes 107 bytes and no
more.
"""

import errno
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import POLLIN, POLLOUT, poll

from storeflow.errors import TransportError

SOCKET_MODE = 0o660
RECONNECT_SECONDS, LONGEST_RECONNECT_SECONDS = 0.05, 0.5
"""How long a client waits before it tries again to reach a server that is away: at first, and at most."""
DATAGRAM_BYTES = 256 * 1024
"""Room that a receiver offers; no datagram of ours is longer."""


class Listener:
    """The server's end: clients connect to its path."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`, in a folder that is made if need be.

        Raises:
            TransportError: somebody listens there already, or the folder or the socket file cannot be made.
        """
        if _is_served(path):
            raise TransportError(
                f"{path}: somebody serves this socket already; two modules of one kind share a channel folder: "
                "stop one of them, or give each a folder of its own"
            )
        self._path = path
        self._socket = _seqpacket()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _descriptor_of(path.parent) as folder:
                hidden = f".{path.name}.new"
                with suppress(FileNotFoundError):
                    os.unlink(hidden, dir_fd=folder)
                self._socket.bind(_address(folder, hidden))
                os.chmod(hidden, SOCKET_MODE, dir_fd=folder)
                self._identity = _identity(hidden, folder)
                os.rename(hidden, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            self._socket.listen(16)
        except OSError as error:
            self._socket.close()
            raise TransportError(f"{path}: no socket can be made here: {error.strerror or error}") from error

    def fileno(self) -> int:
        """To wait on: readable when a client wants in; -1 once closed."""
        return self._socket.fileno()

    def accept(self) -> socket.socket | None:
        """The next client that waits, ready for calls that don't block; none if none waits."""
        try:
            client, _ = self._socket.accept()
        except OSError:  # none waits, or the one that did has gone
            return None
        client.setblocking(False)
        return client

    def close(self) -> None:
        """Stop listening and take the socket file away, unless another server has replaced it since."""
        # The open socket pins its inode, so the number cannot be another file's yet.
        with suppress(FileNotFoundError), _descriptor_of(self._path.parent) as folder:
            if _identity(self._path.name, folder) == self._identity:
                os.unlink(self._path.name, dir_fd=folder)
        self._socket.close()


class Link:
    """The client's end: it connects by itself, and again whenever the server comes back.

    A server that stays away, or closes the connection at once, is tried less and less often.
    """

    def __init__(self, path: Path) -> None:
        self.connections = 0
        """How often the server was reached: what was said over one connection means nothing on the next."""
        self._path = path
        self._socket: socket.socket | None = None
        self._connected_at = 0.0
        self._next_attempt = 0.0
        self._pause = RECONNECT_SECONDS

    def receive(self, timeout: float) -> tuple[bytes, list[int]] | None:
        """One datagram and the file descriptors it brought (the caller's to close), waiting up to `timeout` seconds.

        None when none came in that time, whether the server is silent or away.
        """
        deadline = time.monotonic() + timeout
        while True:
            self.connect()
            left = deadline - time.monotonic()
            if self._socket is None:
                if left <= 0:
                    return None
                time.sleep(min(left, RECONNECT_SECONDS))
                continue
            if not wait_ready([self._socket.fileno()], [], max(left, 0.0)):
                return None
            datagram = self._read(self._socket)
            if datagram is not None:
                return datagram

    def send(self, datagram: bytes) -> None:
        """Send to the server if it is there.

        If it has closed the connection, `receive` finds that out, and what it said before is still to be read.
        """
        if self._socket is not None:
            with suppress(OSError):
                self._socket.send(datagram)

    def fileno(self) -> int | None:
        """To wait on: readable when `receive` has something to do; none while the server is away."""
        return None if self._socket is None else self._socket.fileno()

    def connect(self) -> bool:
        """Reach for the server, unless that was tried a moment ago; whether it is there."""
        if self._socket is None and (now := time.monotonic()) >= self._next_attempt:
            self._socket = self._reach()
            if self._socket is None:
                self._back_off(now)
            else:
                self._connected_at = now
                self.connections += 1
        return self._socket is not None

    def disconnect(self) -> None:
        """Close the connection; `connect` and `receive` connect again."""
        if self._socket is None:
            return
        self._socket.close()
        self._socket = None
        now = time.monotonic()
        if now - self._connected_at > LONGEST_RECONNECT_SECONDS:
            self._pause = RECONNECT_SECONDS
        else:
            self._back_off(now)

    def _read(self, server: socket.socket) -> tuple[bytes, list[int]] | None:
        try:
            datagram, descriptors, _, _ = socket.recv_fds(server, DATAGRAM_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        except (BlockingIOError, ConnectionResetError):
            return None  # a server that went without reading our last word resets once; what it said is still there
        except OSError:
            datagram, descriptors = b"", []
        if datagram:
            return datagram, descriptors
        self.disconnect()
        return None

    def _back_off(self, now: float) -> None:
        self._next_attempt = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_RECONNECT_SECONDS)

    def _reach(self) -> socket.socket | None:
        server = _seqpacket()
        try:
            with _descriptor_of(self._path.parent) as folder:
                server.connect(_address(folder, self._path.name))
        except OSError:
            server.close()
            return None
        return server


def receive_waiting(client: socket.socket, size: int) -> Iterator[bytes]:
    """Every datagram of up to `size` bytes that a client has sent so far.

    Raises:
        ConnectionError: the client has gone.
    """
    while True:
        try:
            datagram = client.recv(size)
        except BlockingIOError:
            return
        if not datagram:
            raise ConnectionError("the client has closed the connection")
        yield datagram


def wait_ready(readable: Iterable[int], writable: Iterable[int], timeout: float) -> frozenset[int]:
    """Wait up to `timeout` seconds for a descriptor of the first kind to be read or of the second to be written.

    Those that are ready then; one whose other end has gone is.
    """
    waiter = poll()
    for descriptor in readable:
        waiter.register(descriptor, POLLIN)
    for descriptor in writable:
        waiter.register(descriptor, POLLOUT)
    return frozenset(descriptor for descriptor, _ in waiter.poll(timeout * 1000))


def _seqpacket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


def _is_served(path: Path) -> bool:
    """Whether a living process has this socket open.

    It is asked with a socket of another type, which a living one refuses for its type and a dead one as nobody's: so
    its owner, who might take a caller for a reader, hears nothing of it.
    """
    with (
        suppress(FileNotFoundError, NotADirectoryError),
        _descriptor_of(path.parent) as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as asking,
    ):
        return asking.connect_ex(_address(folder, path.name)) == errno.EPROTOTYPE
    return False


@contextmanager
def _descriptor_of(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _address(folder: int, name: str) -> str:
    return f"/proc/self/fd/{folder}/{name}"


def _identity(name: str, folder: int) -> tuple[int, int]:
    facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return facts.st_dev, facts.st_ino
