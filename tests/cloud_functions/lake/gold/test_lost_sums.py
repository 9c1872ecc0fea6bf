"""Sums of a device that never got some of the crossings: its own sender of windows, and what the lake makes of them."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cloud_functions import rebuild
from cloud_functions.lake.gold.completeness import COMPLETENESS
from cloud_functions.lake.gold.footfall import FACT
from modules.upstream_router.windows_sender import WindowSender
from storeflow.contract.cloudevents import CloudEvent
from storeflow.host.module import RawEvent

pytestmark = pytest.mark.usefixtures("facts_alone")

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAY = 86_400.0


class Device:
    """A router that keeps crossings in the store and sends sums of them, numbered as its outbox would number them."""

    def __init__(self, folder: Path) -> None:
        self._sender = WindowSender(folder, "store-1-box", "instead")
        self._numbers = itertools.count(1)

    def sent(self, *events: CloudEvent, at: float) -> Iterator[CloudEvent]:
        """What leaves the store once events have come, in seconds since it opened."""
        for now, passing in ((at, events), (at + 400, ()), (at + 800, events[-1:])):
            for event in passing:
                said = event.source, event.id, event.type, "1.0", event.store_id, event.to_json()
                for made in self._sender.take(RawEvent(*said)):
                    yield made.model_copy(update={"sequence": f"{next(self._numbers):012d}"})
            self._sender.keep(OPENS.timestamp() + now)

    def close(self) -> None:
        """Close its file."""
        self._sender.close()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(tmp_path / "router")
    yield device
    device.close()


@pytest.mark.parametrize("lost", [False, True])
def test_sums_that_may_lack_what_the_device_gave_up_are_never_final_and_those_before_and_after_are(
    shop: Any, clouds: Any, told: Any, drew: Any, device: Device, *, lost: bool
) -> None:
    cloud, beside = clouds("cloud"), clouds("beside")
    first = [drew(shop, 0, "entrance"), shop.crossed(10), shop.covered(0), told(shop, 960)]
    second = [shop.crossed(1000), shop.crossed(1100), shop.covered(1), told(shop, 1860)]
    third = [shop.covered(2), shop.covered(3), told(shop, 3700)]
    next_day = [shop.covered(96), told(shop, DAY + 1000), shop.covered(97), told(shop, DAY + 1900)]
    cloud.land(shop.packed(*device.sent(*first, at=1000)))
    cloud.refine()
    cloud.land(shop.packed(*device.sent(*second[lost:], *third, at=4000)))
    cloud.refine()
    rows = sorted(cloud.gold(FACT.form), key=lambda row: row["window_start"])
    assert [(row["in_raw"], row["is_final"]) for row in rows][:2] == [(1, True), (2 - lost, not lost)]
    cloud.land(shop.packed(*device.sent(*next_day, at=DAY + 2000)))
    cloud.refine()
    rows = sorted(cloud.gold(FACT.form), key=lambda row: row["window_start"])
    assert [row["in_raw"] for row in rows] == [1, 2 - lost, 0, 0, 0, 0]
    assert {row["source_of_figures"] for row in rows} == {"windows"}
    assert [row["is_final"] for row in rows] == [True, not lost, not lost, True, True, True]
    (row,) = [row for row in cloud.gold(COMPLETENESS) if row["window_date"] == date(2026, 11, 20)]
    assert (row["missing"], 96 - row["final_windows"]) == (0, 2 if lost else 0), "of the sums themselves all are here"
    rebuild.rebuild(cloud.files, beside.lake, cloud.stores, OPENS)
    assert rebuild.differences(cloud.lake, beside.lake) == {}
