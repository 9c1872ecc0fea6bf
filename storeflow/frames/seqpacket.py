"""Unix SEQPACKET sockets by path: datagrams that arrive whole and in order, and an end that both sides see.

A socket file is bound under a hidden name, given its mode and renamed into place, so that nobody meets one that
is half made, and a file that a killed process left behind is replaced. Paths may be of any length: a socket is
addressed through its folder's descriptor, because the kernel takes 107 bytes and no more.
"""

import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import POLLIN, POLLOUT, poll

from storeflow.errors import TransportError

SOCKET_MODE = 0o660
RECONNECT_SECONDS = 0.05
"""How long a client waits before it tries again to reach a server that is away."""
DATAGRAM_BYTES = 256 * 1024
"""Room that a receiver offers; no datagram of ours is longer."""


class Listener:
    """The server's end: clients connect to its path."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`, in a folder that is made if need be.

        Raises:
            TransportError: the folder or the socket file cannot be made.
        """
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
    """The client's end: it connects by itself, and again whenever the server comes back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._next_attempt = 0.0

    def receive(self, timeout: float) -> tuple[bytes, list[int]] | None:
        """One datagram and the file descriptors it brought (the caller's to close), waiting up to `timeout` seconds.

        None when none came in that time, whether the server is silent or away.
        """
        deadline = time.monotonic() + timeout
        while True:
            if self._socket is None:
                self._socket = self._connect()
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

        If it has hung up, `receive` finds that out, and what it said before is still to be read.
        """
        if self._socket is not None:
            with suppress(OSError):
                self._socket.send(datagram)

    def fileno(self) -> int | None:
        """To wait on: readable when `receive` has something to do; none while the server is away."""
        return None if self._socket is None else self._socket.fileno()

    def disconnect(self) -> None:
        """Hang up; the next `receive` connects again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _read(self, server: socket.socket) -> tuple[bytes, list[int]] | None:
        try:
            datagram, descriptors, _, _ = socket.recv_fds(server, DATAGRAM_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        except OSError:
            datagram, descriptors = b"", []
        if datagram:
            return datagram, descriptors
        self.disconnect()
        return None

    def _connect(self) -> socket.socket | None:
        now = time.monotonic()
        if now < self._next_attempt:
            return None
        self._next_attempt = now + RECONNECT_SECONDS
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
            raise ConnectionError("the client has hung up")
        yield datagram


def wait_ready(readable: Iterable[int], writable: Iterable[int], timeout: float) -> bool:
    """Wait up to `timeout` seconds until a descriptor of the first kind can be read or of the second written.

    One whose other end has gone counts as ready.
    """
    waiter = poll()
    for descriptor in readable:
        waiter.register(descriptor, POLLIN)
    for descriptor in writable:
        waiter.register(descriptor, POLLOUT)
    return bool(waiter.poll(timeout * 1000))


def _seqpacket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


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
