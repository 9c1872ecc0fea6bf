"""Joins the parts: what each function calls, with the clock, the settings and the lake that it needs."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache

import azure.functions as func

from cloud_functions import landing, refine, storage, stores, upkeep
from cloud_functions.lake.tables import Lake
from cloud_functions.lake_port import Files
from cloud_functions.settings import Settings
from cloud_functions.stores import Stores
from cloud_functions.trigger import Senders, to_batch
from storeflow.errors import StoreflowError

LOG = logging.getLogger(__name__)

REGISTER_SECONDS = 60.0
"""How long a register of stores that was read is believed; and how often one that can't be read is tried again."""


def land_events(events: Sequence[func.EventHubEvent], senders: Senders) -> None:
    """Keep what one invocation was given; raise where not all of it is kept."""
    if events:
        landing.land(to_batch(events, senders), _register().stores(), _files(), datetime.now(UTC))


class Register:
    """The register of stores as it was within the last minute, or the last one that was good.

    The last good one is in memory alone. A copy in the lake would be a second register, which the app itself may write
    and nobody looks at; and a device that was taken out of the first would go on speaking by it. A function that starts
    while the register is bad fails, and its checkpoint is held: it loses nothing, and lands all of it once the register
    is good again.
    """

    def __init__(
        self, files: Files, seconds: float = REGISTER_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._files, self._seconds, self._clock = files, seconds, clock
        self._lock = threading.Lock()
        self._tried_at = 0.0
        self._good: Stores | None = None

    def stores(self) -> Stores:
        """Read the document, or remember it; where it can't be read any more, say so once a minute and go on.

        Raises:
            StorageError: it cannot be read, and never could.
            ConfigError: it is not what is expected, and never was.
        """
        with self._lock:
            now = self._clock()
            if self._good is None or now - self._tried_at > self._seconds:
                self._good, self._tried_at = self._read(), now
            return self._good

    def _read(self) -> Stores:
        try:
            return Stores.from_json(self._files.read(stores.PATH))
        except StoreflowError as error:
            if self._good is None:
                raise
            # What is wrong is in the document; the words "register of stores" are what an alarm looks for.
            LOG.error("the register of stores is bad, the last good one goes on: %s", error)  # noqa: TRY400 - as above
            return self._good


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
