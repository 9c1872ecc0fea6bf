import json
from pathlib import Path

import pytest

from modules.upstream_router.module import UpstreamRouter
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import SCHEMA_VERSION, CameraState, instant
from storeflow.contract.twins import read_section
from storeflow.errors import ContractError
from storeflow.host.module import HasSinks, Module, ModuleContext, RawEvent
from storeflow.transport.port import MAX_BODY_BYTES


@pytest.fixture
def router(tmp_path: Path) -> UpstreamRouter:
    context = ModuleContext("upstream_router", "hub", "device", "store-1", tmp_path, tmp_path, tmp_path, (), tmp_path)
    return UpstreamRouter(context, None)


def configure(router: UpstreamRouter, sinks: object) -> None:
    router.configure("telemetry", read_section("telemetry", {"sinks": sinks}), 1)


def event(detail: str = "") -> CloudEvent:
    data = CameraState(store_id="store-1", camera_id="door", captured_at=instant(1.0), state="streaming", detail=detail)
    return CloudEvent.of(data, source="//hub/device/door", id="1", subject="door")


def test_it_is_a_module_with_sinks(router: UpstreamRouter) -> None:
    module: Module = router

    assert isinstance(module, HasSinks)


def test_without_a_twin_events_go_to_the_cloud(router: UpstreamRouter) -> None:
    router.configure("telemetry", read_section("telemetry", {}), 1)

    outputs = router.on_message("events", event().to_json())

    assert [(output.name, output.event.to_json()) for output in outputs] == [
        ("cloud:$upstream/alerts", event().to_json())
    ]
    assert router.sinks == {}
    assert set(router.couriers) == {"cloud:$upstream", "cloud:$upstream/alerts"}


def test_an_event_goes_to_every_sink_once(router: UpstreamRouter, tmp_path: Path) -> None:
    configure(
        router,
        {
            "cloud": {"kind": "upstream"},
            "archive": {"kind": "event_hub", "namespace": "n", "event_hub": "h", "credentials_ref": "none"},
            "local": {"kind": "ndjson"},
            "other": {"kind": "ndjson", "file": "other.ndjson"},
        },
    )

    outputs = router.on_message("events", event().to_json())

    assert [output.name for output in outputs] == [
        "cloud:$upstream/alerts",
        "cloud:archive/alerts",
        "sink:local",
        "sink:other",
    ]
    assert set(router.sinks) == {"sink:local", "sink:other"}
    router.sinks["sink:other"].write([b"1"], None)
    assert (tmp_path / "other.ndjson").read_bytes() == b"1\n"


@pytest.mark.parametrize(
    ("input_name", "body", "reason"),
    [
        ("events", b"\xff\xfe no JSON", "event:"),
        ("events", b"[]", "event"),
        ("events", event().to_json().replace(b"storeflow.camera", b"elsewhere.camera"), "event.type"),
        ("events", event(detail="x" * MAX_BODY_BYTES).to_json(), "204800 at most"),
        ("commands", event().to_json(), "input commands"),
    ],
)
def test_what_is_no_event_is_refused_with_a_reason_and_counted(
    router: UpstreamRouter, input_name: str, body: bytes, reason: str
) -> None:
    router.configure("telemetry", read_section("telemetry", {}), 1)

    with pytest.raises(ContractError, match=reason):
        router.on_message(input_name, body)

    assert {name: number for name, number in router.metrics().items() if number} == {"events_refused": 1.0}


def test_an_event_is_carried_on_byte_for_byte_to_every_sink(router: UpstreamRouter) -> None:
    configure(router, {"cloud": {"kind": "upstream"}, "local": {"kind": "ndjson"}})
    document = json.loads(event().to_json())
    document |= {"sequence": "000000000007", "traceparent": "00-1-2-03"}
    document["data"]["shutter"] = 1.50
    body = json.dumps(document, indent=2).encode()

    outputs = router.on_message("events", body)

    assert [output.event.to_json() for output in outputs] == [body, body]
    raw = outputs[0].event
    assert isinstance(raw, RawEvent)
    assert (raw.source, raw.id, raw.type, raw.schema_version, raw.store_id) == (
        "//hub/device/door",
        "1",
        "storeflow.camera.state",
        SCHEMA_VERSION,
        "store-1",
    )
    assert raw.traceparent is None, "what is no trace goes into no message property"


@pytest.mark.parametrize("trace", [event().traceparent, "00-" + "a" * 32 + "-" + "b" * 16 + "-00"])
def test_the_trace_of_an_event_is_handed_on_whoever_began_it(router: UpstreamRouter, trace: str) -> None:
    configure(router, {"cloud": {"kind": "upstream"}})
    body = json.dumps(json.loads(event().to_json()) | {"traceparent": trace}).encode()

    ((_, raw),) = router.on_message("events", body)

    assert raw.traceparent == trace


@pytest.mark.parametrize(
    ("event_type", "version", "data"),
    [
        ("storeflow.till.drawn", "1.0", {"store_id": "store-1", "waited": 3}),
        ("storeflow.camera.state", "1.99", {"store_id": "store-1", "state": "dreaming"}),
        ("storeflow.camera.state", "2.0", {"store_id": "store-1"}),
    ],
)
def test_an_event_of_a_newer_neighbour_is_carried_on_counted_and_logged_once(
    router: UpstreamRouter, event_type: str, version: str, data: object, caplog: pytest.LogCaptureFixture
) -> None:
    router.configure("telemetry", read_section("telemetry", {}), 1)
    document = json.loads(event().to_json())
    document |= {"type": event_type, "dataschema": f"urn:storeflow:schema:{version}:{event_type}", "data": data}
    body = json.dumps(document).encode()

    outputs = [*router.on_message("events", body), *router.on_message("events", body)]

    assert [output.event.to_json() for output in outputs] == [body, body]
    assert isinstance(outputs[0].event, RawEvent)
    assert (outputs[0].event.schema_version, outputs[0].event.store_id) == (version, "store-1")
    counted = {name: number for name, number in router.metrics().items() if number}
    assert counted == {"events_accepted": 2.0, "events_unknown": 2.0}
    assert [record.message for record in caplog.records] == [
        f"events of {event_type}, schema {version}, are not known here: carried on unread"
    ]


@pytest.mark.parametrize("data", [{"store_id": 7}, {}, [], None])
def test_an_event_that_is_not_known_here_and_names_no_store_is_carried_on_for_none(
    router: UpstreamRouter, data: object
) -> None:
    configure(router, {"cloud": {"kind": "upstream"}})
    body = json.dumps(
        {"specversion": "1.0", "id": "1", "source": "/till", "type": "storeflow.till.drawn", "data": data}
    )

    ((_, raw),) = router.on_message("events", body.encode())

    assert isinstance(raw, RawEvent)
    assert raw.store_id is None


def test_of_types_that_are_not_known_a_hundred_are_logged_and_all_are_carried_on(
    router: UpstreamRouter, caplog: pytest.LogCaptureFixture
) -> None:
    configure(router, {"cloud": {"kind": "upstream"}})
    for number in (*range(101), 100, 0):
        body = b'{"specversion":"1.0","id":"1","source":"/till","type":"storeflow.till.%d"}' % number
        assert len(router.on_message("events", body)) == 1

    told = [record.message for record in caplog.records]
    assert told == [
        f"events of storeflow.till.{number}, schema None, are not known here: carried on unread"
        for number in range(100)
    ]


def test_a_cloud_event_without_what_is_optional_is_carried_on(router: UpstreamRouter) -> None:
    router.configure("telemetry", read_section("telemetry", {}), 1)
    body = b'{"specversion":"1.0","id":"1","source":"/till","type":"storeflow.till.opened"}'

    assert [output.event.to_json() for output in router.on_message("events", body)] == [body]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"specversion": "2.0"}, "event.specversion"),
        ({"id": ""}, "event.id"),
        ({"source": None}, "event.source"),
        ({"type": "com.example.camera"}, "event.type"),
        ({"time": "yesterday"}, "event.time"),
        ({"time": "2026-01-01T00:00:00"}, "event.time"),
        ({"dataschema": "no address"}, "event.dataschema"),
        ({"dataschema": None}, "event.dataschema"),
        ({"subject": 7}, "event.subject"),
        ({"data": {"store_id": "store-1"}}, "event"),
        ({"noise": float("nan")}, "no JSON"),
    ],
)
def test_what_is_wrong_in_an_envelope_or_in_known_data_is_named(
    router: UpstreamRouter, changed: dict[str, object], reason: str
) -> None:
    router.configure("telemetry", read_section("telemetry", {}), 1)
    body = json.dumps(json.loads(event().to_json()) | changed).encode()

    with pytest.raises(ContractError, match=reason):
        router.on_message("events", body)


def test_each_sink_in_the_cloud_gets_the_kinds_of_events_that_it_asks_for(router: UpstreamRouter) -> None:
    hub = {"kind": "event_hub", "namespace": "n", "event_hub": "h", "credentials_ref": "none"}
    sinks = {
        "queues": hub | {"events": ["storeflow.queue.*", "storeflow.till.opened"], "alerts": []},
        "cloud": {"kind": "upstream", "events": ["storeflow.*"], "alerts": ["storeflow.queue.left"]},
    }
    configure(router, sinks)

    def destinations(event_type: str) -> list[str]:
        body = b'{"specversion":"1.0","id":"1","source":"/till","type":"%s"}' % event_type.encode()
        return [output.name for output in router.on_message("events", body)]

    assert destinations("storeflow.queue.moved") == ["cloud:queues", "cloud:$upstream"]
    assert destinations("storeflow.queue.left.early") == ["cloud:queues", "cloud:$upstream"]
    assert destinations("storeflow.till.opened") == ["cloud:queues", "cloud:$upstream"]
    assert destinations("storeflow.till.opened.late") == destinations("storeflow.queue") == ["cloud:$upstream"]


def test_the_one_way_upstream_may_be_renamed_with_events_waiting_for_it(router: UpstreamRouter) -> None:
    configure(router, {"cloud": {"kind": "upstream"}})
    before = router.couriers["cloud:$upstream"]
    (waiting,) = router.on_message("events", event().to_json())

    configure(router, {"iot_hub": {"kind": "upstream"}})

    assert waiting.name in router.couriers
    assert router.couriers["cloud:$upstream"] is before, "it goes on with what is under way"


def test_a_sink_that_an_edit_leaves_alone_keeps_its_couriers_and_what_they_have_under_way(
    router: UpstreamRouter,
) -> None:
    configure(router, {"cloud": {"kind": "upstream"}, "file": {"kind": "ndjson"}})
    before = router.couriers["cloud:$upstream"]

    configure(router, {"cloud": {"kind": "upstream"}})
    assert router.couriers["cloud:$upstream"] is before

    configure(router, {"cloud": {"kind": "upstream", "max_bytes_per_second": 1000}})
    assert router.couriers["cloud:$upstream"] is not before
    router.close()
