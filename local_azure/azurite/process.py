"""Azurite in a process of its own: blobs, queues and tables of one account, on ports that are free."""

import os
import re
import subprocess
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from local_azure.azurite.installation import install
from local_azure.azurite.node import find_node
from storeflow.errors import TransportError

HOST = "127.0.0.1"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Printed in Microsoft's documentation, the same for everybody: storage/common/storage-connect-azurite."""
DELTA_OPTIONS = {"azure_storage_use_emulator": "true", "allow_http": "true"}
"""What deltalake needs for Azurite; where it listens is said by an environment variable alone, `delta_environment`."""

JOURNAL = Path(__file__).with_name("journal.js")
"""What lets an Azurite that is killed keep what it has acknowledged."""

START_SECONDS = 30.0
STOP_SECONDS = 10.0

_POLL_SECONDS = 0.02
_LISTENS = re.compile(rb"(Blob|Queue|Table) service is successfully listening at http://[^:]+:(\d+)")


@dataclass(frozen=True)
class Ports:
    """Where the three services listen; 0 for any port that is free."""

    blob: int = 0
    queue: int = 0
    table: int = 0


def azurite_command(state: Path, ports: Ports = Ports(), *, in_memory: bool = False) -> list[str]:
    """Return the command that runs Azurite, fetched first if it has to be.

    Raises:
        StorageError: there is no Node, or Azurite cannot be fetched.
    """
    node = find_node()
    keeping = [] if in_memory else ["--require", str(JOURNAL)]
    command = [node.executable, *keeping, str(install(node))]
    for service, port in zip(("blob", "queue", "table"), astuple(ports), strict=True):
        command += [f"--{service}Host", HOST, f"--{service}Port", str(port)]
    command += ["--inMemoryPersistence"] if in_memory else ["--location", str(state)]
    # The SDKs are newer than the newest version of the API that Azurite has heard of.
    return [*command, "--skipApiVersionCheck", "--disableTelemetry", "--silent"]


def connection_string(ports: Ports) -> str:
    """Return what the storage SDKs need for an Azurite on these ports."""
    text = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY}"
    for service, port in zip(("Blob", "Queue", "Table"), astuple(ports), strict=True):
        text += f";{service}Endpoint=http://{HOST}:{port}/{ACCOUNT}"
    return text


def delta_environment(ports: Ports) -> dict[str, str]:
    """Return the variable that tells deltalake where Azurite listens.

    Its object store reads this from the environment, each time that a table is opened; no storage option says it.
    """
    return {"AZURITE_BLOB_STORAGE_URL": f"http://{HOST}:{ports.blob}"}


class AzuriteProcess:
    """Starts, kills and restarts an Azurite on one state folder and the same ports.

    Use as a context manager; inside, `connection_string` is what an SDK needs.

    Args:
        state: folder for the log and for what is stored.
        ports: those it must have; by default it takes free ones, and keeps them.
        in_memory: keep what is stored in memory only: faster, and gone with the process.
    """

    def __init__(self, state: Path, ports: Ports = Ports(), *, in_memory: bool = False) -> None:
        self.state = state
        self.ports = ports
        self._in_memory = in_memory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def connection_string(self) -> str:
        """What the storage SDKs need."""
        return connection_string(self.ports)

    @property
    def delta_environment(self) -> dict[str, str]:
        """The variable that tells deltalake where it listens."""
        return delta_environment(self.ports)

    def start(self) -> None:
        """Start the process and wait until it listens; again on the same ports after a kill.

        Raises:
            StorageError: there is no Node, or Azurite cannot be fetched.
            TransportError: it ended instead, or takes too long.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        command = azurite_command(self.state, self.ports, in_memory=self._in_memory)
        log = self.state / "azurite.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours, built above
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        give_up = time.monotonic() + START_SECONDS
        while len(found := dict(_LISTENS.findall(log.read_bytes()))) < len(astuple(self.ports)):
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                text = log.read_text()
                taken = re.search(r"EADDRINUSE.* (\S+:\d+)", text)
                reason = f"{taken[1]} is taken; stop who listens there" if taken else f"{log} ends: {text[-2000:]}"
                raise TransportError(f"Azurite did not start: {reason}")
            time.sleep(_POLL_SECONDS)
        self.ports = Ports(int(found[b"Blob"]), int(found[b"Queue"]), int(found[b"Table"]))

    def exit_code(self) -> int | None:
        """Return how the process ended by itself; None while it runs."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> None:
        """End the process at once, as a crash would (`kill -9`)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Ask the process to end, and wait for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def signal(self, number: int) -> None:
        """Send the process a signal, such as SIGSTOP to freeze it."""
        if self._process is not None:
            os.kill(self._process.pid, number)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
