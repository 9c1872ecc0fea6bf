"""A listening TCP socket, or a sentence that says who cannot have it."""

import socket

from storeflow.errors import TransportError


def bind(address: str, port: int) -> socket.socket:
    """Bind a TCP port for listening.

    Raises:
        TransportError: it is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # A restart need not wait for the last hub's connections to leave TIME_WAIT.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise TransportError(f"{address}:{port}: {error}") from error
    return listener
