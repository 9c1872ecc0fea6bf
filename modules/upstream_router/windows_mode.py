"""Whether windows are made, and what may leave the store beside them: the setting `telemetry.windows` in force."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from modules.upstream_router.windows_database import FILE_NAME, remove
from modules.upstream_router.windows_sender import COUNTED, WindowSender
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS, PersonEvent
from storeflow.contract.telemetry import Windows
from storeflow.host.module import RawEvent


class WindowsMode:
    """Off, beside or instead of the single crossings.

    Args:
        folder: the module's state folder.
        device_id: of this device.
        clock: seconds since the epoch.
    """

    def __init__(self, folder: Path, device_id: str, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._device_id, self._clock = folder, device_id, clock
        self._instead = False
        self._file = folder / FILE_NAME
        self._sender: WindowSender | None = None

    def configure(self, setting: Windows) -> None:
        """Take over the setting; once it is off, the windows that there are get finished, and then forgotten.

        Raises:
            StorageError: the disk refused.
        """
        if self._sender is not None:
            self._sender.mode = setting.mode
        elif setting.mode != "off" or self._file.exists():
            self._sender = WindowSender(self._folder, self._device_id, setting.mode)
        self._instead = setting.mode == "instead"

    def may_leave(self, event_type: str) -> bool:
        """Whether events of a type may leave the store: of one person, or of a type unknown here, only beside sums."""
        if not self._instead:
            return True
        model = EVENT_MODELS.get(event_type)
        return model is not None and not issubclass(model, PersonEvent)

    def take(self, event: RawEvent) -> list[CloudEvent]:
        """Take in an event that passes; the windows that are to leave with it."""
        return [] if self._sender is None else self._sender.take(event)

    def keep(self) -> None:
        """Keep what follows from the events that passed; called before the outbox keeps these.

        Raises:
            StorageError: the disk refused; call again before anything else passes.
        """
        if self._sender is None:
            return
        self._sender.keep(self._clock())
        if self._sender.is_done:
            self._sender.close()
            self._sender = None
            remove(self._file)

    @property
    def counts(self) -> Mapping[str, float]:
        """Windows sent and corrected, and events that came too late for theirs, since the start or the last edit."""
        return dict.fromkeys(COUNTED, 0.0) if self._sender is None else self._sender.counts

    def close(self) -> None:
        """Close the file."""
        if self._sender is not None:
            self._sender.close()
