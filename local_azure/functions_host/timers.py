"""Timer triggers: run a function at the moments of a schedule, and once for what was missed while no host ran.

Sources: functions-bindings-timer; Azure/azure-webjobs-sdk-extensions, `TimerListener.cs` (one run at a time, what
happens at a start), `StorageScheduleMonitor.cs` (the status blob), `TimerTriggerAttributeBindingProvider.cs` (schedules
more often than once a minute are not monitored). Moments are UTC, as on Linux plans.
"""

import asyncio
import datetime as dt
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.functions import meta
from azure.storage.blob.aio import ContainerClient

from local_azure.functions_host.app import Function
from local_azure.functions_host.event_hub import STORAGE_RETRIES, STORAGE_SETTING
from local_azure.functions_host.invocations import Invoker, Outcome
from local_azure.functions_host.ncrontab import Schedule
from local_azure.functions_host.settings import required

LOG = logging.getLogger(__name__)

CONTAINER = "azure-webjobs-hosts"
HOST_ID_SETTING = "AzureFunctionsWebHost__hostid"

_MONITORED_FROM = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Status:
    """When a timer last ran, and when it shall run next."""

    last: dt.datetime | None
    following: dt.datetime

    def document(self) -> dict[str, str]:
        """Return it as the status blob has it, and as the function is told."""
        last = self.last.isoformat() if self.last else "0001-01-01T00:00:00+00:00"
        return {"Last": last, "Next": self.following.isoformat(), "LastUpdated": last}

    @classmethod
    def read(cls, document: Mapping[str, str]) -> "Status":
        """Read what `document` wrote."""
        last = dt.datetime.fromisoformat(document["Last"])
        return cls(last if last.year > 1 else None, dt.datetime.fromisoformat(document["Next"]))


class TimerListener:
    """Runs one function by its schedule.

    Raises:
        ConfigError: the schedule makes no sense, or a setting is not there.
    """

    def __init__(self, function: Function, invoker: Invoker, environment: Mapping[str, str]) -> None:
        self._function = function
        self._invoker = invoker
        self._schedule = Schedule.parse(function.trigger["schedule"])
        some = self._schedule.after(dt.datetime(2001, 1, 1, tzinfo=dt.UTC))
        often = self._schedule.after(some) - some < _MONITORED_FROM
        monitored = function.trigger.get("useMonitor")
        self._monitored = not often if monitored is None else bool(monitored)
        if self._monitored:
            self._storage = required(STORAGE_SETTING, environment, f"{function.name}: the status of its timer")
        self._blob = f"timers/{environment.get(HOST_ID_SETTING, 'local')}/Host.Functions.{function.name}/status"
        self._status: Status | None = None

    async def run(self) -> None:
        """Wait and run until cancelled."""
        now = dt.datetime.now(dt.UTC)
        self._status = await self._load() if self._monitored else None
        if self._status is not None and self._status.following < now:
            LOG.info("'%s' should have run at %s; it runs now", self._function.name, self._status.following)
            await self._scheduled(now, past_due=True)
        elif self._function.trigger.get("runOnStartup"):
            await self._scheduled(now)
        status = self._status or Status(None, self._schedule.after(now))
        while True:
            wait = status.following - dt.datetime.now(dt.UTC)
            await asyncio.sleep(max(0.0, wait.total_seconds()))
            status = await self._scheduled(status.following)

    async def _scheduled(self, due: dt.datetime, *, past_due: bool = False) -> Status:
        started = dt.datetime.now(dt.UTC)
        await self.fire(past_due=past_due)
        # What came due while the function ran is made up for once, at once. A clock may also wake us a little early.
        last = max(started, due)
        self._status = Status(last, self._schedule.after(last))
        if self._monitored:
            await self._save(self._status)
        return self._status

    async def fire(self, *, past_due: bool = False) -> Outcome:
        """Run the function now, whatever the schedule says."""
        told = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": self._status.document() if self._status and self._monitored else None,
            "IsPastDue": past_due,
        }
        data = meta.Datum(json.dumps(told), "json")
        return await self._invoker.run(self._function, lambda: self._function.decode(data), "timer")

    async def _load(self) -> Status | None:
        try:
            async with ContainerClient.from_connection_string(self._storage, CONTAINER, **STORAGE_RETRIES) as container:
                blob: Any = await container.download_blob(self._blob)
                status = Status.read(json.loads(await blob.readall()))
        except ResourceNotFoundError:
            return None
        except (AzureError, ValueError, KeyError) as error:
            LOG.warning("'%s': the status of its timer cannot be read: %s", self._function.name, error)
            return None
        if status.last is not None and self._schedule.after(status.last) < status.following:
            # It runs more often than when this was written.
            return Status(status.last, self._schedule.after(status.last))
        return status

    async def _save(self, status: Status) -> None:
        try:
            async with ContainerClient.from_connection_string(self._storage, CONTAINER, **STORAGE_RETRIES) as container:
                try:
                    await container.create_container()
                except ResourceExistsError:
                    LOG.debug("container %s is there", CONTAINER)
                await container.upload_blob(self._blob, json.dumps(status.document()), overwrite=True)
        except AzureError as error:
            LOG.error("'%s': the status of its timer cannot be kept: %s", self._function.name, error)  # noqa: TRY400 - the message says it all
