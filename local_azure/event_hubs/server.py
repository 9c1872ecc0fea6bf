"""A namespace that listens: its port, its housekeeping, its end."""

import asyncio
import socket
from pathlib import Path

from local_azure.event_hubs.amqp.errors import CONNECTION_FORCED, AmqpError
from local_azure.event_hubs.config import NamespaceConfig
from local_azure.event_hubs.connection import Connection
from local_azure.event_hubs.namespace import Namespace
from local_azure.event_hubs.store import Store
from local_azure.http_server import Handler, serve_client

HOUSEKEEPING_SECONDS = 0.5
"""How often events that have expired, and tokens, are looked for."""

CLOSING_SECONDS = 1.0


class Server:
    """Serves one namespace over AMQP, and its switches over HTTP.

    Args:
        config: of the namespace.
        database: its file; None keeps events in memory only.
        full: wait for the disk at each commit.
    """

    def __init__(self, config: NamespaceConfig, database: Path | None, *, full: bool = False) -> None:
        self._store = Store(database, full=full)
        self.namespace = Namespace(config, self._store)
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self.namespace.expire()
        self._housekeeper = asyncio.create_task(self._keep_house())

    async def listen(self, listener: socket.socket) -> None:
        """Serve AMQP on a bound socket."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self.namespace, self._connections), sock=listener)
        self._servers.append(server)

    async def listen_http(self, listener: socket.socket, handler: Handler) -> None:
        """Serve an HTTP API on a bound socket."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await serve_client(reader, writer, handler)

        self._servers.append(await asyncio.start_server(serve, sock=listener))

    def drop_connections(self) -> int:
        """Cut every connection, as a gateway that dies does; returns how many there were."""
        connections = tuple(self._connections)
        for connection in connections:
            connection.abort()
        return len(connections)

    async def close(self) -> None:
        """Stop listening, keep and acknowledge what was taken in, and tell the clients."""
        self._housekeeper.cancel()
        for server in self._servers:
            server.close()
        self.namespace.flush()
        for connection in tuple(self._connections):
            connection.close(AmqpError(CONNECTION_FORCED, "The namespace is shutting down."))
        if lost := {connection.lost for connection in self._connections}:
            await asyncio.wait(lost, timeout=CLOSING_SECONDS)
        self.drop_connections()
        self._store.close()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            self.namespace.expire()
            for connection in tuple(self._connections):
                connection.check_tokens()
