from pathlib import Path

import pytest

from modules.upstream_router.module import UpstreamRouter
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, instant
from storeflow.contract.twins import read_section
from storeflow.errors import ContractError
from storeflow.module import HasSinks, Module, ModuleContext
from storeflow.transport.port import MAX_BODY_BYTES


@pytest.fixture
def router(tmp_path: Path) -> UpstreamRouter:
    context = ModuleContext("upstream_router", "hub", "device", "store-1", tmp_path, tmp_path, tmp_path, ())
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

    assert outputs == [("upstream", event())]
    assert router.sinks == {}


def test_an_event_goes_to_every_sink_once(router: UpstreamRouter, tmp_path: Path) -> None:
    configure(
        router,
        {
            "cloud": {"kind": "upstream"},
            "archive": {"kind": "upstream"},
            "local": {"kind": "ndjson"},
            "other": {"kind": "ndjson", "file": "other.ndjson"},
        },
    )

    outputs = router.on_message("events", event().to_json())

    assert [output.name for output in outputs] == ["upstream", "sink:local", "sink:other"]
    assert set(router.sinks) == {"sink:local", "sink:other"}
    router.sinks["sink:other"].write([b"1"], None)
    assert (tmp_path / "other.ndjson").read_bytes() == b"1\n"


@pytest.mark.parametrize(
    ("input_name", "body", "reason"),
    [
        ("events", b"\xff\xfe no JSON", "event:"),
        ("events", b"[]", "event"),
        ("events", event().to_json().replace(b"camera.state", b"camera.dreams"), "unknown event type"),
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

    assert router.metrics() == {"events_accepted": 0.0, "events_refused": 1.0}
