import json

import pytest

from modules.upstream_router.windows_read import is_of_camera, read
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import StreamHeartbeat
from storeflow.contract.instant import instant
from storeflow.host.module import RawEvent

SOURCE = "//hub/device/door"
BEAT = StreamHeartbeat(store_id="s", camera_id="door", captured_at=instant(900.0), complete_until=instant(900.0))


def event(**more: object) -> RawEvent:
    made = CloudEvent.of(BEAT, source=SOURCE, id="1" * 32, subject="door")
    body = json.loads(made.to_json()) | {"sequence": "000000000007"} | more
    return RawEvent(SOURCE, made.id, body["type"], "1.0", "s", json.dumps(body).encode())


def test_what_windows_are_made_of_is_read_with_its_number() -> None:
    assert read(event()) == (BEAT, 7)


@pytest.mark.parametrize(
    "unread",
    [event(data={"of": "a newer schema"}), event(type="storeflow.zone.entered"), event(type="storeflow.of.tomorrow")],
)
def test_of_what_else_passes_only_the_number_counts(unread: RawEvent) -> None:
    assert read(unread) == (None, 7)


@pytest.mark.parametrize("sequence", [None, 7, "seven", "", "-7", "9" * 19])
def test_what_is_no_number_counts_as_none(sequence: object) -> None:
    assert read(event(sequence=sequence, type="storeflow.zone.entered")) == (None, None)


def test_only_the_series_of_the_camera_itself_is_read() -> None:
    assert is_of_camera(SOURCE)
    assert not is_of_camera(f"{SOURCE}/state")
    assert not is_of_camera("//hub/device")
