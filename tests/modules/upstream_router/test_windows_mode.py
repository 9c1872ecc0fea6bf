from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from modules.upstream_router.module import UpstreamRouter
from modules.upstream_router.windows_database import FILE_NAME
from storeflow.contract import events
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS, StoreEvent
from storeflow.contract.geometry import Point
from storeflow.contract.instant import instant
from storeflow.contract.twins import read_section
from storeflow.host.module import ModuleContext, Output

SOURCE = "//hub/device/door"
SINKS = {"cloud": {"kind": "upstream"}, "disk": {"kind": "ndjson"}}
AT = 1_763_625_600.0
SAID: dict[str, Any] = {"store_id": "s", "camera_id": "door"}
CROSSED = events.LineCrossed(
    **SAID,
    captured_at=instant(AT + 1),
    config_version=1,
    model_version="m",
    line_id="entrance",
    direction="in",
    object_class="person",
    reason="settled",
    track_id="1",
    position=Point(0.5, 0.5),
)
COVERAGE = events.CameraCoverage(
    **SAID,
    captured_at=instant(AT + 899),
    window_start=instant(AT),
    window_end=instant(AT + 900),
    observed_seconds=900,
    frames_analysed=1,
    frames_missed=0,
    longest_gap_seconds=1,
)


@pytest.fixture
def context(tmp_path: Path) -> ModuleContext:
    return ModuleContext("upstream_router", "hub", "device", "s", tmp_path, tmp_path, tmp_path, (), tmp_path)


def started(context: ModuleContext, mode: str) -> UpstreamRouter:
    router = UpstreamRouter(context)
    router.configure("telemetry", read_section("telemetry", {"sinks": SINKS, "windows": {"mode": mode}}), 1)
    return router


def pass_on(router: UpstreamRouter, *facts: StoreEvent, first: int = 1) -> list[Output]:
    """Have events pass that are numbered from `first` on."""
    out: list[Output] = []
    for number, data in enumerate(facts, start=first):
        event = CloudEvent.of(data, source=SOURCE, id=f"{number:032x}", subject="x")
        event = event.model_copy(update={"sequence": f"{number:012d}"})
        out += router.on_message("events", event.to_json())
    router.checkpoint()
    return out


def types(outputs: Sequence[Output], *, disk: bool) -> list[str]:
    return [one.event.type for one in outputs if one.name.startswith("sink:disk") == disk]


@pytest.mark.parametrize(
    ("mode", "to_cloud"),
    [
        ("off", ["storeflow.line.crossed", "storeflow.camera.coverage"]),
        ("beside", ["storeflow.line.crossed", "storeflow.camera.coverage"]),
        ("instead", ["storeflow.camera.coverage"]),
    ],
)
def test_single_crossings_leave_the_store_unless_sums_go_instead_and_stay_on_its_disk(
    context: ModuleContext, mode: str, to_cloud: list[str]
) -> None:
    router = started(context, mode)
    out = pass_on(router, CROSSED, COVERAGE)
    assert types(out, disk=False) == to_cloud
    assert types(out, disk=True) == ["storeflow.line.crossed", "storeflow.camera.coverage"]
    router.close()


@pytest.mark.parametrize("mode", ["beside", "instead"])
def test_a_window_goes_where_other_events_go_once_its_moment_has_come(
    context: ModuleContext, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = started(context, mode)
    pass_on(router, CROSSED, COVERAGE)
    monkeypatch.setattr(router._windows, "_clock", lambda: AT + 10**9)
    router.checkpoint()
    out = pass_on(router, CROSSED)
    for disk in (True, False):
        assert types(out, disk=disk).count("storeflow.footfall.window") == 1
    (window,) = [one.event.data for one in out if isinstance(one.event, CloudEvent) and not one.name.startswith("sink")]
    assert isinstance(window, events.FootfallWindow)
    assert (window.in_raw, window.details_sent) == (1, mode == "beside")
    assert router.metrics()["windows_sent"] == 1
    router.close()


def test_no_event_of_one_person_leaves_the_store_where_sums_go_instead(context: ModuleContext) -> None:
    router = started(context, "instead")
    leaving = {name for name in EVENT_MODELS if router._windows.may_leave(name)}
    personal = {name for name, model in EVENT_MODELS.items() if "track_id" in model.model_fields}
    assert leaving == EVENT_MODELS.keys() - personal
    assert not router._windows.may_leave("storeflow.person.of_a_newer_kind")
    router.close()


def configure(router: UpstreamRouter, mode: str) -> None:
    router.configure("telemetry", read_section("telemetry", {"sinks": SINKS, "windows": {"mode": mode}}), 2)


def made(router: UpstreamRouter, seconds: float) -> list[StoreEvent]:
    """What of windows goes to the cloud at a moment; an event of another camera carries it."""
    router._windows._clock = lambda: AT + seconds
    router.checkpoint()
    carrier = CloudEvent.of(CROSSED, source="//hub/device/other", id=f"{round(seconds):032x}", subject="x")
    out = router.on_message("events", carrier.to_json())
    router.checkpoint()
    return [one.event.data for one in out if isinstance(one.event, CloudEvent) and not one.name.startswith("sink")]


def later(router: UpstreamRouter, seconds: float) -> list[events.FootfallWindow]:
    """Those of `made` that are windows."""
    return [one for one in made(router, seconds) if isinstance(one, events.FootfallWindow)]


def crossed(at: float) -> events.LineCrossed:
    return CROSSED.model_copy(update={"captured_at": instant(AT + at)})


def test_nothing_is_added_up_while_windows_are_off(context: ModuleContext) -> None:
    router = started(context, "off")
    pass_on(router, CROSSED)
    assert not (context.state_folder / FILE_NAME).exists()
    router.close()


@pytest.mark.parametrize("killed", [False, True])
def test_switched_off_windows_that_began_are_finished_and_corrected_and_then_forgotten(
    context: ModuleContext, killed: bool
) -> None:
    router = started(context, "instead")
    assert later(router, 10) == []
    pass_on(router, CROSSED, COVERAGE, crossed(1000))
    configure(router, "off")
    if killed:
        router.checkpoint()
        router.close()
        router = started(context, "off")
        router._windows._clock = lambda: AT + 20
    looked = COVERAGE.model_copy(update={"window_start": instant(AT + 900), "window_end": instant(AT + 1800)})
    next_quarter = looked.model_copy(update={"window_start": instant(AT + 1800), "window_end": instant(AT + 2700)})
    assert types(pass_on(router, crossed(1100), looked, first=4), disk=False)[0] == "storeflow.line.crossed"
    pass_on(router, crossed(1900), next_quarter, first=6)
    assert [(one.in_raw, one.details_sent) for one in later(router, 2000)] == [(1, False), (2, False)]
    pass_on(router, crossed(1200), first=8)
    later(router, 2100)
    assert [(one.revision, one.in_raw, one.details_sent) for one in later(router, 3000)] == [(1, 3, False)]
    assert (context.state_folder / FILE_NAME).exists()
    assert later(router, 3000 + 86_400) == []
    assert list(context.state_folder.glob(f"{FILE_NAME}*")) == []
    router.close()


def test_switched_off_a_window_whose_coverage_never_comes_is_sent_before_it_is_forgotten(
    context: ModuleContext,
) -> None:
    router = started(context, "instead")
    assert later(router, 10) == []
    pass_on(router, CROSSED)
    configure(router, "off")
    assert later(router, 20) == []
    assert later(router, 30 + 86_400) == []
    assert (context.state_folder / FILE_NAME).exists()
    assert [one.in_raw for one in later(router, 200 + 86_400)] == [1]
    later(router, 201 + 86_400)
    assert list(context.state_folder.glob(f"{FILE_NAME}*")) == []
    router.close()


def heartbeat(at: float) -> events.StreamHeartbeat:
    return events.StreamHeartbeat(**SAID, captured_at=instant(AT + at), complete_until=instant(AT + at))


def test_switched_off_nothing_is_vouched_for_beyond_the_windows_that_there_are(context: ModuleContext) -> None:
    router = started(context, "instead")
    assert later(router, 10) == []
    pass_on(router, CROSSED, COVERAGE)
    configure(router, "off")
    pass_on(router, heartbeat(1000), heartbeat(5000), first=3)
    beats = [one for one in made(router, 5000) + made(router, 6000) if isinstance(one, events.StreamHeartbeat)]
    assert [one.complete_until for one in beats] == [instant(AT), instant(AT + 900)]
    router.close()


def test_an_empty_window_keeps_to_what_it_said_of_single_events(context: ModuleContext) -> None:
    router = started(context, "instead")
    assert later(router, 10) == []
    line = events.DrawnLine(id="entrance", object_class="person", start=Point(0, 0), end=Point(1, 1), to_right="in")
    drawn = events.LayoutApplied(**SAID, captured_at=instant(AT), config_version=1, lines=(line,), zones=(), queues=())
    pass_on(router, drawn, COVERAGE)
    assert [(one.in_raw, one.details_sent) for one in later(router, 1000)] == [(0, False)]
    configure(router, "beside")
    pass_on(router, COVERAGE, first=3)
    later(router, 1100)
    assert [(one.observed_seconds, one.details_sent) for one in later(router, 2000)] == [(1800, False)]
    router.close()


def test_switched_on_again_only_quarters_are_sent_that_the_device_has_had_all_of(context: ModuleContext) -> None:
    router = started(context, "instead")
    assert later(router, 10) == []
    quarters = [
        COVERAGE.model_copy(update={"captured_at": instant(AT + end - 1), "window_start": instant(AT + end - 900)})
        for end in (900, 1800, 2700)
    ]
    pass_on(router, CROSSED)
    configure(router, "off")
    pass_on(router, quarters[0], crossed(950), first=2)
    configure(router, "instead")
    pass_on(router, crossed(1000), quarters[1], crossed(1900), quarters[2], first=4)
    windows = later(router, 3000)
    assert [(one.window_start.timestamp() - AT, one.in_raw) for one in windows] == [(0, 1), (1800, 1)]
    router.close()


def test_an_event_that_is_refused_takes_no_window_with_it(context: ModuleContext) -> None:
    router = started(context, "beside")
    pass_on(router, CROSSED, COVERAGE)
    router._windows._clock = lambda: AT + 10**9
    router.checkpoint()
    with pytest.raises(Exception, match="event"):
        router.on_message("events", b"{}")
    assert types(pass_on(router, CROSSED), disk=False).count("storeflow.footfall.window") == 1
    router.close()
