"""What was in quarantine gets a second chance."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cloud_functions import quarantine
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
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
    assert replay(cloud.files, everybody, LATER) == (3, 1)
    assert codes(cloud) == ["not_json"]
    assert cloud.refine(LATER).events == 3
    assert [row["in_raw"] for row in cloud.gold(FOOTFALL.form)] == [3]
    assert replay(cloud.files, everybody, LATER) == (0, 1)


def test_an_event_out_of_a_batch_lands_alone(shop: Any, cloud: Any) -> None:
    good, bad = shop.crossed(1), shop.crossed(2).to_json().replace(b'"in"', b'"up"')
    cloud.land(shop.packed(good, bad))
    assert replay(cloud.files, cloud.stores, LATER) == (0, 1)
    (path,) = cloud.files.files("quarantine")
    (line,) = quarantine.read(cloud.files.read(path), path)
    assert (line.place, line.code, line.message().body) == (1, "data", bad)


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
