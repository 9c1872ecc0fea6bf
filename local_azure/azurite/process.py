"""Azurite in a process of its own: blobs, queues and tables of one account, on ports that are free."""

import re
from dataclasses import astuple, dataclass
from pathlib import Path

from local_azure.azurite.installation import install
from local_azure.azurite.node import find_node
from local_azure.service_process import ServiceProcess

HOST = "127.0.0.1"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Printed in Microsoft's documentation, the same for everybody: storage/common/storage-connect-azurite."""
DELTA_OPTIONS = {"azure_storage_use_emulator": "true", "allow_http": "true"}
"""What deltalake needs for Azurite; where it listens is said by an environment variable alone, `delta_environment`."""

JOURNAL = Path(__file__).with_name("journal.js")
"""What lets an Azurite that is killed keep what it has acknowledged."""


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


def listening(log: Path) -> Ports | None:
    """Return where Azurite listens, by what it wrote into its log; None while it does not, with all three services."""
    found = dict(_LISTENS.findall(log.read_bytes())) if log.exists() else {}
    if len(found) < len(astuple(Ports())):
        return None
    return Ports(int(found[b"Blob"]), int(found[b"Queue"]), int(found[b"Table"]))


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


class AzuriteProcess(ServiceProcess):
    """Starts, kills and restarts an Azurite on one state folder and the same ports.

    Use as a context manager; inside, `connection_string` is what an SDK needs.

    Args:
        state: folder for the log and for what is stored.
        ports: those it must have; by default it takes free ones, and keeps them.
        in_memory: keep what is stored in memory only: faster, and gone with the process.
    """

    def __init__(self, state: Path, ports: Ports = Ports(), *, in_memory: bool = False) -> None:
        super().__init__("Azurite", state)
        self.ports = ports
        self._in_memory = in_memory

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
        log.unlink(missing_ok=True)  # where it listens is read there
        self._launch(command, log, lambda: listening(log) is not None)
        self.ports = listening(log) or self.ports

    def _reason(self, log: Path) -> str:
        taken = re.search(r"EADDRINUSE.* (\S+:\d+)", log.read_text())
        return f"{taken[1]} is taken; stop who listens there" if taken else super()._reason(log)
