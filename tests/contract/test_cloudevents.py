import json
import re
from datetime import UTC, datetime

import pytest

from storeflow.contract.cloudevents import CloudEvent, camera_source, event_id, named, traceparent
from storeflow.contract.events import EVENT_MODELS, CameraState, LineCrossed
from storeflow.contract.geometry import Point
from storeflow.errors import ContractError

SOURCE = camera_source("hub.azure-devices.net", "store-1", "door")
CROSSED = LineCrossed(
    store_id="store-1",
    camera_id="door",
    captured_at=datetime(2026, 11, 20, 9, 0, 0, 250_000, UTC),
    config_version=3,
    model_version="m@1",
    line_id="entrance",
    direction="in",
    track_id="18f-1",
    object_class="person",
    reason="settled",
    position=Point(0.5, 0.5),
)


def test_an_event_survives_the_wire_with_the_type_of_its_data() -> None:
    event = CloudEvent.of(CROSSED, source=SOURCE, id="1", subject="entrance")
    read = CloudEvent.from_json(event.to_json())
    assert read == event
    assert isinstance(read.data, LineCrossed)


def test_the_envelope_says_what_cloudevents_asks_for() -> None:
    document = json.loads(CloudEvent.of(CROSSED, source=SOURCE, id="1", subject="entrance").to_json())
    assert {name: document[name] for name in ("specversion", "id", "source", "type", "time", "subject")} == {
        "specversion": "1.0",
        "id": "1",
        "source": "//hub.azure-devices.net/store-1/door",
        "type": "storeflow.line.crossed",
        "time": "2026-11-20T09:00:00.250Z",
        "subject": "entrance",
    }


def test_the_same_decision_always_has_the_same_id_and_another_one_another() -> None:
    parts = (SOURCE, "storeflow.line.crossed", "18f-1", "entrance", "1700000000125")
    others = [event_id(*parts[:i], "other", *parts[i + 1 :]) for i in range(len(parts))]
    assert event_id(*parts) == "117d1c60337d3242465238bc0cccdb4b", "in every version: readers keep ids for ever"
    assert len({event_id(*parts), *others}) == 6


def test_parts_of_an_id_do_not_run_into_one_another() -> None:
    assert event_id("s", "t", "ab", "c") != event_id("s", "t", "a", "bc")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"type": "storeflow.line.vanished"}, "unknown event type 'storeflow.line.vanished'"),
        ({"id": None}, "id"),
        ({"time": "yesterday"}, "time"),
        ({"data": {"line_id": "entrance"}}, "store_id"),
    ],
)
def test_a_wrong_event_is_refused_with_the_field(change: dict[str, object], told: str) -> None:
    document = json.loads(CloudEvent.of(CROSSED, source=SOURCE, id="1", subject="entrance").to_json())
    with pytest.raises(ContractError, match=told):
        CloudEvent.from_json(json.dumps({**document, **change}).encode())


def test_an_event_begins_a_trace_that_w3c_trace_context_accepts() -> None:
    event = CloudEvent.of(CROSSED, source=SOURCE, id="1", subject="entrance")
    # "traceparent Header Field Values", version 00: trace and parent id in lower case, neither of them all zeros.
    found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", event.traceparent or "")
    assert found
    assert set(found[1]) != {"0"}
    assert set(found[2]) != {"0"}
    assert json.loads(event.to_json())["traceparent"] == event.traceparent
    assert f"trace {found[1]}" in named(event.source, event.id)


def test_an_event_that_is_sent_again_is_in_the_same_trace_and_another_event_in_another() -> None:
    first, again = (CloudEvent.of(CROSSED, source=SOURCE, id="1", subject="entrance").to_json() for _ in range(2))
    assert first == again
    traces = {traceparent(source, name) for source in (SOURCE, f"{SOURCE}/state") for name in ("1", "2")}
    assert len({trace.split("-")[1] for trace in traces}) == 4


def test_a_broken_trace_is_no_reason_to_refuse_an_event() -> None:
    document = json.loads(CloudEvent.of(CROSSED, source=SOURCE, id="1", subject="entrance").to_json())
    for broken in ("00-1-2-03", "ff-0-0-0", ""):
        event = CloudEvent.from_json(json.dumps({**document, "traceparent": broken}).encode())
        assert event.data == CROSSED


def test_every_event_type_is_known_by_its_name() -> None:
    assert EVENT_MODELS["storeflow.camera.state"] is CameraState
    assert all(name == model.event_type for name, model in EVENT_MODELS.items())
