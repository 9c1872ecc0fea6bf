"""Kill -9 of one process while it has work in flight, and proof of that.

The victim is stopped first, by SIGSTOP, so that what is looked at cannot go away: what is in flight then is what the
kill hits. Without any the victim goes on, and is looked at again.
"""

import random
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from local_azure.service_process import ServiceProcess
from storeflow.errors import StorageError, TransportError
from tools.fleet.exactness.box import Box
from tools.fleet.exactness.cloud import Cloud, in_flight
from tools.fleet.exactness.kernel import unread_bytes

ROUTER, EVENT_HUBS, FUNCTIONS_HOST, AZURITE = "router", "event hubs", "functions host", "azurite"
VICTIMS = (ROUTER, EVENT_HUBS, FUNCTIONS_HOST, AZURITE)
PATIENCE_SECONDS = 90.0
_FROZEN_SECONDS = 0.3
"""For what others send to a victim that was stopped to arrive."""


class Kill(NamedTuple):
    """One kill -9."""

    at: float
    """Seconds from the beginning."""
    victim: str
    in_flight: int
    what: str
    """What that number counts."""


class NothingInFlight(Exception):  # noqa: N818 - a finding, no fault of the software
    """A victim had nothing in flight for as long as was waited."""


class Killer:
    """Kills what it is told to.

    Args:
        chance: which box, and for how long a victim stays dead.
        began_at: monotonic time of the beginning.
    """

    def __init__(self, cloud: Cloud, boxes: list[Box], chance: random.Random, began_at: float) -> None:
        self._cloud, self._boxes, self._chance, self._began_at = cloud, boxes, chance, began_at
        self._landed_before: dict[str, int] = {}
        """What the functions hosts that were killed had landed: a new one that has landed nothing has no work yet."""
        self._ways: dict[str, Callable[[], Kill | None]] = {
            ROUTER: self._router,
            EVENT_HUBS: self._event_hubs,
            FUNCTIONS_HOST: self._functions_host,
            AZURITE: self._azurite,
        }

    def kill(self, victim: str) -> Kill:
        """Kill one with work in flight, and start it again.

        Raises:
            NothingInFlight: it has none.
        """
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            try:
                if killed := self._ways[victim]():
                    return killed
            except (StorageError, TransportError):
                pass  # somebody who was killed before is still on the way back
            time.sleep(0.1)
        raise NothingInFlight(f"{victim}: nothing in flight for {PATIENCE_SECONDS:.0f} s")

    def _router(self) -> Kill | None:
        box = self._chance.choice(self._boxes)
        if not box.is_connected():
            return None
        return self._freeze(ROUTER, box.router, box.rows_waiting, "rows in its outbox")

    def _event_hubs(self) -> Kill | None:
        process, port = self._cloud.event_hubs, self._cloud.event_hubs.endpoints.port

        def unacknowledged() -> int:
            time.sleep(_FROZEN_SECONDS)
            return sum(box.unrouted() for box in self._boxes) if unread_bytes(port) else 0

        return self._freeze(EVENT_HUBS, process, unacknowledged, "messages that it has not acknowledged")

    def _functions_host(self) -> Kill | None:
        def landed_by_this_one() -> int:
            struck_off = self._cloud.struck_off()
            behind = {
                partition: max(place, struck_off.get(partition, -1)) for partition, place in self._landed_before.items()
            }
            return in_flight(self._cloud.landed(), struck_off | behind)

        if not landed_by_this_one():
            return None
        killed = self._freeze(FUNCTIONS_HOST, self._cloud.host, landed_by_this_one, "messages landed, not struck off")
        if killed:
            self._landed_before = self._cloud.landed()
        return killed

    def _azurite(self) -> Kill | None:
        port = self._cloud.azurite.ports.blob

        def unread() -> int:
            time.sleep(_FROZEN_SECONDS)
            return unread_bytes(port)

        return self._freeze(AZURITE, self._cloud.azurite, unread, "bytes of requests that it has not read")

    def _freeze(self, victim: str, process: ServiceProcess, count: Callable[[], int], what: str) -> Kill | None:
        process.signal(signal.SIGSTOP)
        try:
            found = count()
        except BaseException:
            process.signal(signal.SIGCONT)
            raise
        if not found:
            process.signal(signal.SIGCONT)
            return None
        process.kill()
        if process.exit_code() != -signal.SIGKILL:
            raise TransportError(f"{victim} ended with {process.exit_code()} before it was killed; read its log")
        killed = Kill(time.monotonic() - self._began_at, victim, found, what)
        time.sleep(self._chance.uniform(0, 1))
        process.start()
        return killed
