"""What was in quarantine gets a second chance."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloud_functions import bronze, quarantine
from cloud_functions.decode import Landing, Quarantined
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
from cloud_functions.paths import LandedFile
from cloud_functions.replay import replay
from cloud_functions.stores import Stores

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = OPENS + timedelta(days=2)


def without(stores: Stores, store_id: str) -> Stores:
    others = {name: store for name, store in stores.stores.items() if name != store_id}
    return Stores(iot_hubs=stores.iot_hubs, stores=others)


def codes(cloud: Any) -> list[str]:
    return [
        line.code for path in cloud.files.files("quarantine") for line in quarantine.read(cloud.files.read(path), path)
    ]


def test_what_a_device_sent_before_it_was_registered_is_counted_once_it_is(shop: Any, cloud: Any) -> None:
    everybody, cloud.stores = cloud.stores, without(cloud.stores, "store-1")
    cloud.land(shop.packed(shop.crossed(1), shop.crossed(2)), shop.message(shop.crossed(3)), shop.message(b"poison"))
    assert (cloud.refine().events, codes(cloud)) == (0, ["device", "device", "device"])
    cloud.stores = everybody
    assert replay(cloud.files, everybody, LATER) == (3, 1, ())
    assert codes(cloud) == ["not_json"]
    assert cloud.refine(LATER).events == 3
    assert [row["in_raw"] for row in cloud.gold(FOOTFALL.form)] == [3]
    assert replay(cloud.files, everybody, LATER) == (0, 1, ())


def test_an_event_out_of_a_batch_lands_alone(shop: Any, cloud: Any) -> None:
    good, bad = shop.crossed(1), shop.crossed(2).to_json().replace(b'"in"', b'"up"')
    cloud.land(shop.packed(good, bad))
    assert replay(cloud.files, cloud.stores, LATER) == (0, 1, ())
    (path,) = cloud.files.files("quarantine")
    (line,) = quarantine.read(cloud.files.read(path), path)
    assert (line.place, line.code, line.message().body) == (1, "data", bad)


def test_a_device_of_another_iot_hub_is_believed_no_more_than_when_it_landed(shop: Any, cloud: Any) -> None:
    (ours,), theirs = cloud.stores.iot_hubs, "fabrikam.azure-devices.net"
    hubs = {"iot_hubs": [ours, theirs], "event_hubs": {"store-events": theirs, "other": ours}}
    cloud.stores = Stores.model_validate(cloud.stores.model_dump() | hubs)
    cloud.land(shop.message(shop.crossed(1)))
    assert codes(cloud) == ["device"]
    assert replay(cloud.files, cloud.stores, LATER) == (0, 1, ())
    assert cloud.files.files("bronze") == []
    right = cloud.stores.model_copy(update={"event_hubs": {"store-events": ours}})
    assert replay(cloud.files, right, LATER) == (1, 0, ())


def test_what_was_replayed_before_is_listed_once_however_much_is_in_quarantine(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = cloud.stores
    asked: list[str] = []

    def told(name: str) -> Callable[..., Any]:
        real = getattr(cloud.files, name)

        def tells(path: str, *more: Any) -> Any:
            asked.append(f"{name} {path}")
            return real(path, *more)

        return tells

    for hours in (0, 1, 1):
        cloud.stores = without(everybody, "store-1")
        for number in range(5):
            cloud.land(shop.message(shop.crossed(number)))
        asked.clear()
        with monkeypatch.context() as patch:
            for name in ("files", "create"):
                patch.setattr(cloud.files, name, told(name))
            assert replay(cloud.files, everybody, LATER + timedelta(hours=hours)).landed == 5
    folder = "bronze/contoso/store-events/replay/2026/11/22/10"
    created = [f"create {folder}/{number:012d}-{number:012d}.ndjson.gz" for number in range(6, 11)]
    assert asked == ["files quarantine", f"files {folder}", *created]
    assert len(cloud.files.files("bronze")) == 15


def test_a_replay_that_is_repeated_doubles_nothing(shop: Any, cloud: Any) -> None:
    everybody, cloud.stores = cloud.stores, without(cloud.stores, "store-1")
    cloud.land(shop.message(shop.crossed(1)))
    (path,) = cloud.files.files("quarantine")
    before = cloud.files.read(path)
    cloud.stores = everybody
    for _ in range(2):
        replay(cloud.files, everybody, LATER)
        cloud.files.replace(path, before)
    assert len(cloud.files.files("bronze")) == 2
    assert cloud.refine(LATER).events == 1


def test_replays_of_many_hours_are_all_refined(shop: Any, cloud: Any) -> None:
    everybody = cloud.stores
    for number in range(4):
        cloud.stores = without(everybody, "store-1")
        cloud.land(shop.message(shop.crossed(number)))
        cloud.stores = everybody
        replay(cloud.files, everybody, LATER + timedelta(hours=number // 2))
        cloud.refine(LATER + timedelta(hours=number // 2))
    assert [row["in_raw"] for row in cloud.gold(FOOTFALL.form)] == [4]


def test_a_replay_by_a_clock_that_was_ahead_hides_none_of_later_ones(shop: Any, cloud: Any) -> None:
    everybody = cloud.stores
    for number, at in enumerate((LATER + timedelta(days=400), LATER, LATER + timedelta(hours=5))):
        cloud.stores = without(everybody, "store-1")
        cloud.land(shop.message(shop.crossed(number)))
        cloud.stores = everybody
        replay(cloud.files, everybody, at)
        assert cloud.refine(LATER + timedelta(hours=number)).events == 1
    hours = {file.hour for path in cloud.files.files("bronze") if (file := LandedFile.at(path))}
    assert hours == {(LATER + timedelta(days=400)).strftime("%Y/%m/%d/%H")}


STRAY = "quarantine/readme.txt", "quarantine/contoso/store-events/0/2026/11/20/99/000000000001-000000000001.ndjson.gz"


def test_a_file_that_cannot_be_read_is_named_and_holds_up_no_other(shop: Any, cloud: Any) -> None:
    everybody, cloud.stores = cloud.stores, without(cloud.stores, "store-1")
    paths: list[str] = []
    for number in range(5):
        cloud.land(shop.message(shop.crossed(number)))
        paths = sorted({*paths, *cloud.files.files("quarantine")})
    whole = cloud.files.read(paths[0])
    (line,) = quarantine.read(whole, paths[0])
    damaged = {
        paths[0]: b"no gzip",
        paths[1]: whole[:-20],
        paths[2]: whole[:20] + bytes(20) + whole[40:],
        paths[3]: bronze.pack([line._replace(body="no base64!")]),
    }
    for path, content in damaged.items():
        cloud.files.replace(path, content)
    for path in STRAY:
        cloud.files.create(path, b"somebody's notes", {})
    assert replay(cloud.files, everybody, LATER) == (1, 0, tuple(sorted((*damaged, *STRAY))))
    assert {path: cloud.files.read(path) for path in damaged} == damaged


def test_a_message_that_stays_whole_while_events_of_it_land_doubles_none(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody, cloud.stores = cloud.stores, without(cloud.stores, "store-1")
    good = shop.crossed(1)
    cloud.land(shop.packed(good, b"0"))

    def much_is_wrong(message: Any, _: Stores) -> tuple[list[Landing], list[Quarantined]]:
        return [Landing(0, good.to_json().decode())], [Quarantined(None, message.body, "not_an_event", "too many")]

    monkeypatch.setattr("cloud_functions.replay.decode", much_is_wrong)
    for _ in range(2):
        assert replay(cloud.files, everybody, LATER) == (1, 1, ())
    (path,) = cloud.files.files("quarantine")
    (line,) = quarantine.read(cloud.files.read(path), path)
    assert (line.place, line.content_encoding) == (None, "gzip")
    assert cloud.refine(LATER).events == 1
