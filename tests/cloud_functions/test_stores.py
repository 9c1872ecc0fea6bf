import json
from typing import Any

import pytest

from cloud_functions.service import Register
from cloud_functions.stores import PATH, Stores
from storeflow.errors import ConfigError

STORE = {"name": "Hamburg", "time_zone": "Europe/Berlin", "devices": ["box"]}
GOOD: dict[str, Any] = {"iot_hubs": ["contoso.azure-devices.net"], "stores": {"store-1": STORE}}


def text(**changes: Any) -> bytes:
    return json.dumps(GOOD | {"stores": {"store-1": STORE | changes}}).encode()


def test_a_register_says_which_device_is_of_which_store() -> None:
    assert Stores.from_json(json.dumps(GOOD).encode()).store_of_device == {"box": "store-1"}


FAULTS = {
    "no JSON": (b"{", "no JSON"),
    "a time zone that is none": (text(time_zone="Europe/Hamburg"), "stores.store-1.time_zone: there is no time zone"),
    "no device": (text(devices=[]), "stores.store-1.devices: has 0 entries"),
    "a setting that there is not": (text(timezone="UTC"), "stores.store-1.timezone: there is no such setting"),
    "a device of two stores": (
        json.dumps(GOOD | {"stores": {"store-1": STORE, "store-2": STORE}}).encode(),
        "device box is of store-1 and of store-2",
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
    patient, eager = Register(folder, 1000.0), Register(folder, 0.0)
    assert [set(register.stores().store_of_device) for register in (patient, eager)] == [{"box"}, {"box"}]
    folder.replace(PATH, text(devices=["box", "new"]))
    assert [set(register.stores().store_of_device) for register in (patient, eager)] == [{"box"}, {"box", "new"}]
