"""Joins the parts: what each function calls, with the clock, the settings and the lake that it needs."""

import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import azure.functions as func

from cloud_functions import landing, refine, storage, stores, upkeep
from cloud_functions.lake.tables import Lake
from cloud_functions.lake_port import Files
from cloud_functions.settings import Settings
from cloud_functions.stores import Stores
from cloud_functions.trigger import to_batch

REGISTER_SECONDS = 60.0
"""How long a register of stores that was read is believed."""


def land_events(events: Sequence[func.EventHubEvent]) -> None:
    """Keep what one invocation was given; raise where not all of it is kept."""
    if events:
        landing.land(to_batch(events), _register().stores(), _files(), datetime.now(UTC))


class Register:
    """The register of stores as it was within the last minute."""

    def __init__(self, files: Files, seconds: float = REGISTER_SECONDS) -> None:
        self._files, self._seconds = files, seconds
        self._lock = threading.Lock()
        self._read: tuple[float, Stores] | None = None

    def stores(self) -> Stores:
        """Read the document, or remember it.

        Raises:
            StorageError: it cannot be read.
            ConfigError: it is not what is expected.
        """
        with self._lock:
            now = time.monotonic()
            if self._read is None or now - self._read[0] > self._seconds:
                self._read = now, Stores.from_json(self._files.read(stores.PATH))
            return self._read[1]


def refine_bronze() -> None:
    """Bring silver and gold up with what landed."""
    refine.refine(_files(), _lake(), _register().stores(), datetime.now(UTC))


def keep_up() -> None:
    """Tidy the tables."""
    upkeep.upkeep(_lake())


@cache
def _settings() -> Settings:
    return Settings.of(os.environ)


@cache
def _files() -> Files:
    return storage.open_files(_settings())


@cache
def _register() -> Register:
    return Register(_files())


def _lake() -> Lake:
    return Lake(storage.delta_place(_settings()))
