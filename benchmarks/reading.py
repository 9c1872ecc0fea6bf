"""What is won by reading files of bronze several at once?

    .venv/bin/python -m benchmarks.reading

A thousand files, each of one message of a store's day, are read from Azurite: one after the other, and by
`cloud_functions.lake.reading`. Once Azurite is as near as it is; once each read begins with a sleep of 10 ms, in the
thread that reads, which stands for the way to Azure and back. Ratios are of the time that passed, and of CPU time of
this process. The result goes to benchmarks/results/reading.json.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from azure.storage.blob import ContainerClient

from benchmarks.landing import DEFAULT, NOW, Side, day_of_a_store, fleet, packets, timed
from cloud_functions import landing
from cloud_functions.lake.reading import READ_AT_ONCE, Reader
from cloud_functions.message import Batch, Message
from cloud_functions.storage import BlobFiles
from local_azure.azurite.process import AzuriteProcess

ROUNDS, FILES = 5, 1_000
AWAY = {"as near as it is": 0.0, "10 ms away": 0.01}
"""Seconds before each read."""
ONE, AHEAD = "one after the other", "several at once"
RESULT = Path(__file__).parent / "results" / "reading.json"


class Distant(BlobFiles):
    """Blobs that are some way off."""

    def __init__(self, container: ContainerClient, seconds: float) -> None:
        super().__init__(container)
        self._seconds = seconds

    def read(self, path: str) -> bytes:
        """The content of a blob, later."""
        if self._seconds:
            time.sleep(self._seconds)
        return super().read(path)


def land(files: BlobFiles) -> list[str]:
    """A file for each of the first messages of a store's day; their paths."""
    stores, _ = fleet(1, 1)
    for number, packet in zip(range(FILES), packets(day_of_a_store(), DEFAULT.max_seconds), strict=False):
        message = Message(packet.body, number, str(number), NOW, "store-0001", "router", *packet.form)
        landing.land(Batch("reading", "telemetry", "0", [message]), stores, files, NOW)
    return files.files("bronze")


def one_after_the_other(files: BlobFiles, paths: list[str]) -> int:
    """Read all; their bytes."""
    return sum(len(files.read(path)) for path in paths)


def several_at_once(files: BlobFiles, paths: list[str]) -> int:
    """Read all as refining does; their bytes."""
    with Reader(files) as reader:
        return sum(len(content()) for _, content in reader.read(paths))


def in_turns(files: BlobFiles, paths: list[str]) -> dict[str, Any]:
    """Both sides of each round, each first in every other one."""
    sides: dict[str, Callable[[BlobFiles, list[str]], int]] = {ONE: one_after_the_other, AHEAD: several_at_once}
    rounds: list[dict[str, Side]] = []
    for number in range(ROUNDS + 1):
        order = list(sides) if number % 2 else list(reversed(sides))
        rounds.append({name: timed(partial(sides[name], files, paths)) for name in order})
    del rounds[0]  # it warms everything up
    return {
        "rounds": rounds,
        "median_ratio_of_time": median(one[AHEAD][0] / one[ONE][0] for one in rounds),
        "median_ratio_of_cpu": median(one[AHEAD][1] / one[ONE][1] for one in rounds),
        "ms_a_file": {name: median(one[name][0] for one in rounds) / len(paths) * 1e3 for name in sides},
        "cpu_ms_a_file": {name: median(one[name][1] for one in rounds) / len(paths) * 1e3 for name in sides},
    }


def main() -> None:
    """Run, print and keep the result."""
    with (
        tempfile.TemporaryDirectory(prefix="reading-") as folder,
        AzuriteProcess(Path(folder), in_memory=True) as azurite,
        ContainerClient.from_connection_string(azurite.connection_string, "lake") as container,
    ):
        container.create_container()
        paths = land(BlobFiles(container))
        found = {name: in_turns(Distant(container, seconds), paths) for name, seconds in AWAY.items()}
    for name, one in found.items():
        of_time, of_cpu = one["median_ratio_of_time"], one["median_ratio_of_cpu"]
        print(f"{READ_AT_ONCE} at once / one after the other, {name}: {of_time:.2f} of time, {of_cpu:.2f} of CPU")
    facts = {
        "what": "reading files of bronze from Azurite: several at once / one after the other",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "rounds": ROUNDS,
        "files": len(paths),
        "at_once": READ_AT_ONCE,
        "reading": found,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
