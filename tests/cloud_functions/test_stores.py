import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloud_functions.decode import decode
from cloud_functions.service import REGISTER_SECONDS, Register
from cloud_functions.stores import PATH, Stores
from storeflow.errors import ConfigError, StorageError

HUB = "contoso.azure-devices.net"
MOVES = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
"""An hour after the shop of these tests opens."""
STORE = {"name": "Hamburg", "time_zone": "Europe/Berlin", "devices": ["box"]}
GOOD: dict[str, Any] = {"iot_hubs": ["contoso.azure-devices.net"], "stores": {"store-1": STORE}}


def text(**changes: Any) -> bytes:
    return json.dumps(GOOD | {"stores": {"store-1": STORE | changes}}).encode()


def test_a_register_says_which_device_is_of_which_store() -> None:
    assert devices(Stores.from_json(json.dumps(GOOD).encode())) == {"box"}


def devices(stores: Stores) -> set[str]:
    return set(stores.stays)


FAULTS = {
    "no JSON": (b"{", "no JSON"),
    "a time zone that is none": (text(time_zone="Europe/Hamburg"), "stores.store-1.time_zone: there is no time zone"),
    "no device": (text(devices=[]), "stores.store-1.devices: has 0 entries"),
    "a setting that there is not": (text(timezone="UTC"), "stores.store-1.timezone: there is no such setting"),
    "a device of two stores": (
        json.dumps(GOOD | {"stores": {"store-1": STORE, "store-2": STORE}}).encode(),
        "device box is of store-1 and of store-2",
    ),
    "a device of two stores for a moment": (
        json.dumps(
            GOOD
            | {
                "stores": {
                    "store-1": STORE | {"devices": [{"id": "box", "until": "2026-11-20T10:00:00.001Z"}]},
                    "store-2": STORE | {"devices": [{"id": "box", "since": "2026-11-20T10:00:00Z"}]},
                }
            }
        ).encode(),
        "device box is of store-1 and of store-2 at once",
    ),
    "a stay that ends before it begins": (
        text(devices=[{"id": "box", "since": "2026-11-20T10:00:00Z", "until": "2026-11-20T10:00:00Z"}]),
        "until: is not after since",
    ),
    "a stay without a time zone": (text(devices=[{"id": "box", "since": "2026-11-20T10:00:00"}]), "has no time zone"),
    "two IoT hubs behind one event hub": (
        json.dumps(GOOD | {"iot_hubs": ["a", "b"]}).encode(),
        "event_hubs: is missing",
    ),
    "an IoT hub that is none of them": (
        json.dumps(GOOD | {"event_hubs": {"e": "b"}}).encode(),
        "b is none of iot_hubs",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_register_that_is_wrong_is_refused_with_what_is_wrong(name: str) -> None:
    document, fault = FAULTS[name]
    with pytest.raises(ConfigError) as raised:
        Stores.from_json(document)
    assert fault in str(raised.value)
    assert PATH in str(raised.value)


def test_a_register_that_was_edited_is_believed_once_it_is_old(folder: Any) -> None:
    folder.create(PATH, text(), {})
    now = 0.0
    register = Register(folder, clock=lambda: now)
    assert devices(register.stores()) == {"box"}
    folder.replace(PATH, text(devices=["box", "new"]))
    now = REGISTER_SECONDS
    assert devices(register.stores()) == {"box"}
    now = REGISTER_SECONDS + 1
    assert devices(register.stores()) == {"box", "new"}


@pytest.mark.parametrize("bad", [b"{", text(devices=["box", "box"], time_zone="Mars"), None])
def test_a_register_that_goes_bad_is_told_of_once_a_minute_and_the_last_good_one_goes_on(
    bad: bytes | None, folder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    folder.create(PATH, text(), {})
    now = 0.0
    register = Register(folder, clock=lambda: now)
    register.stores()
    folder.replace(PATH, bad) if bad is not None else folder.remove(PATH)
    for second in range(1, 150):
        now = float(second)
        assert devices(register.stores()) == {"box"}
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage().partition(",")[0] for record in told] == ["the register of stores is bad"] * 2
    assert PATH in told[0].getMessage()
    folder.remove(PATH)
    folder.create(PATH, text(devices=["new"]), {})
    now = 200.0
    assert devices(register.stores()) == {"new"}


def test_with_no_register_that_was_ever_good_nothing_is_believed(folder: Any) -> None:
    register = Register(folder)
    with pytest.raises(StorageError, match=PATH):
        register.stores()
    folder.create(PATH, b"{", {})
    with pytest.raises(ConfigError, match="no JSON"):
        register.stores()
    folder.replace(PATH, text())
    assert devices(register.stores()) == {"box"}


@pytest.fixture
def moved() -> Stores:
    """The box of store-1 is carried to store-2."""
    first = {"id": "store-1-box", "until": MOVES.isoformat()}
    second = {"id": "store-1-box", "since": MOVES.isoformat()}
    shops = {"store-1": STORE | {"devices": [first]}, "store-2": STORE | {"devices": ["store-2-box", second]}}
    return Stores.from_json(json.dumps({"iot_hubs": [HUB], "stores": shops}).encode())


def codes(message: Any, stores: Stores) -> list[str]:
    landing, quarantined = decode(message, stores)
    assert len(landing) + len(quarantined) == 1
    return [one.code for one in quarantined]


def test_a_device_that_moved_speaks_for_each_store_of_what_happened_while_it_was_there(
    shops: Any, moved: Stores
) -> None:
    first, second = shops("store-1"), shops("store-2")
    second.device_id = first.device_id
    late = MOVES + timedelta(days=9)
    hour = 3600.0
    assert codes(first.message(first.crossed(hour - 0.001), enqueued_at=late), moved) == []
    assert codes(second.message(second.crossed(hour), enqueued_at=late), moved) == []
    assert codes(first.message(first.crossed(hour), enqueued_at=late), moved) == ["store"]
    assert codes(second.message(second.crossed(hour - 0.001), enqueued_at=late), moved) == ["store"]


def test_what_does_not_say_when_it_was_is_of_where_the_device_is_now(shops: Any, moved: Stores) -> None:
    shop = shops("store-1")
    document = json.loads(shop.crossed(1.0).to_json()) | {"type": "storeflow.shelf.touched"}
    for broken in ({}, {"captured_at": "soon"}, {"captured_at": None}):
        document["data"] = {"store_id": "store-1"} | broken
        without = {name: value for name, value in document.items() if name != "time"}
        body = json.dumps(without).encode()
        assert codes(shop.message(body, enqueued_at=MOVES - timedelta(seconds=1)), moved) == []
        assert codes(shop.message(body, enqueued_at=MOVES), moved) == ["store"]


def test_a_device_is_of_no_store_between_two(shop: Any) -> None:
    stay = {"id": "store-1-box", "since": MOVES.isoformat()}
    stores = Stores.from_json(text(devices=[stay]))
    assert codes(shop.message(shop.crossed(3599.0)), stores) == ["device"]
    assert codes(shop.message(shop.crossed(3600.0)), stores) == []


def test_an_event_hub_speaks_for_the_devices_of_the_one_iot_hub_behind_it(shop: Any, stores: Stores) -> None:
    other = "fabrikam.azure-devices.net"
    document = stores.model_dump() | {"iot_hubs": [HUB, other], "event_hubs": {"ours": HUB, "theirs": other}}
    several = Stores.model_validate(document)
    message = shop.message(shop.crossed())
    found = {name: codes(message, several.behind(name)) for name in ("ours", "theirs", "unheard-of")}
    assert found == {"ours": [], "theirs": ["device"], "unheard-of": ["device"]}
    assert codes(message, stores.behind("unheard-of")) == []
