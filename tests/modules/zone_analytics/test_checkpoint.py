import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.zone_analytics import checkpoint
from modules.zone_analytics.module import ZoneAnalytics
from modules.zone_analytics.parameters import DECISIONS
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import read_section
from storeflow.errors import ContractError
from storeflow.host.module import ModuleContext, Output

FrameOf = Callable[..., Detections]
LAYOUT = {
    "lines": {"door": {"start": [0, 0.5], "end": [1, 0.5]}},
    "zones": {
        "room": {
            "polygon": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]],
            "margin": 0.01,
            "min_dwell_seconds": 1,
            "dwell_interval_seconds": 1,
            "occupancy_interval_seconds": 3,
        },
        "behind": {"polygon": [[0.8, 0.6], [1, 0.6], [1, 1], [0.8, 1]], "staff_only": True, "staff_seconds": 1},
    },
    "queues": {
        "till": {
            "polygon": [[0, 0.6], [0.3, 0.6], [0.3, 1], [0, 1]],
            "service": [[0.3, 0.6], [0.5, 0.6], [0.5, 1], [0.3, 1]],
            "min_wait_seconds": 0.5,
            "served_seconds": 0.5,
        }
    },
    "areas": {"shop": {"lines": {"door": "in"}, "reset_at": "00:00"}},
}
MIDNIGHT = 1_700_006_400.0
"""Few of the frames are from before it."""
PLACES = [(0.1, 0.4), (0.1, 0.7), (0.2, 0.8), (0.4, 0.8), (0.9, 0.8), (0.45, 0.55), (0.99, 0.5), None]


def started(folder: Path, body: bytes | None = None) -> ZoneAnalytics:
    context = ModuleContext("zone_analytics", "hub", "device", "store-1", folder, folder, folder, (), folder)
    module = ZoneAnalytics(context, body)
    module.configure("layout", read_section("layout", LAYOUT), 3)
    return module


def events_of(outputs: Sequence[Output]) -> list[Any]:
    return [json.loads(output.event.to_json()) for output in outputs]


def scene(ways: list[list[tuple[Any, int]]], frame: FrameOf) -> list[Detections | StreamEnded]:
    """Frames of people who go straight from place to place, each way in so many frames; then the stream's end."""
    paths: list[list[Any]] = []
    for way in ways:
        path: list[Any] = []
        for (start, count), (end, _) in zip(way, [*way[1:], way[-1]], strict=True):
            for step in range(count):
                share = step / count
                hidden = start is None or end is None
                path.append(None if hidden else tuple(a + share * (b - a) for a, b in zip(start, end, strict=True)))
        paths.append(path)
    messages: list[Detections | StreamEnded] = []
    for number in range(max(map(len, paths))):
        feet = {str(who): path[number] for who, path in enumerate(paths) if number < len(path) and path[number]}
        messages.append(frame(MIDNIGHT - 1 + number / 10, feet))
    messages.append(StreamEnded(camera_id="door", sequence=0, captured_at=0.0, reason="the clip ended"))
    return messages


@settings(max_examples=60, deadline=None)
@given(
    ways=st.lists(
        st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 25)), min_size=2, max_size=6),
        min_size=1,
        max_size=3,
    ),
    cut=st.floats(0, 1),
)
def test_a_restart_after_any_frame_changes_no_event(
    frame: FrameOf, ways: list[list[tuple[Any, int]]], cut: float
) -> None:
    folder = Path("nowhere")
    messages = scene(ways, frame)
    unbroken = started(folder)
    expected = [events_of(unbroken.on_side_channel(message)) for message in messages]
    at = int(cut * (len(messages) - 1))
    before = started(folder)
    here = [events_of(before.on_side_channel(message)) for message in messages[:at]]
    after = started(folder, before.checkpoint())
    here += [events_of(after.on_side_channel(message)) for message in messages[at:]]
    assert here == expected


def test_the_scenes_of_that_test_hold_every_kind_of_event(frame: FrameOf) -> None:
    street, shop, queue, till, behind = PLACES[:5]
    shopper = [(street, 20), (shop, 10), (queue, 30), (queue, 5), (till, 20), (till, 10), (shop, 5), (street, 2)]
    worker = [(street, 20), (behind, 40), (behind, 10), ((0.9, 0.4), 2)]
    module = started(Path("nowhere"))
    messages = scene([shopper, worker], frame)
    kinds = {event["type"] for message in messages for event in events_of(module.on_side_channel(message))}
    assert kinds >= {
        "storeflow.line.crossed",
        "storeflow.person.recognised",
        "storeflow.zone.entered",
        "storeflow.zone.dwelling",
        "storeflow.zone.exited",
        "storeflow.zone.occupancy",
        "storeflow.queue.arrived",
        "storeflow.queue.left",
        "storeflow.queue.length",
        "storeflow.area.occupancy",
    }


@pytest.mark.parametrize("cut", [20, 40], ids=["before it was found", "afterwards"])
def test_a_group_is_known_after_a_restart(frame: FrameOf, cut: int) -> None:
    couple = {0: (0.5, 0.05), 1: (0.54, 0.05)}
    messages = [
        frame(step / 10, {str(who): (x, y + step / 100) for who, (x, y) in couple.items()}) for step in range(70)
    ]
    before = started(Path("nowhere"))
    for message in messages[:cut]:
        before.on_side_channel(message)
    assert len(checkpoint.decode(before.checkpoint()).views[0].parties) == (2 if cut == 20 else 1)
    after = started(Path("nowhere"), before.checkpoint())
    events = [event for message in messages[cut:] for event in events_of(after.on_side_channel(message))]
    crossings = [event["data"] for event in events if event["type"] == "storeflow.line.crossed"]
    assert [(one["group_id"], one["buying_unit"]) for one in crossings] == [("g0", True), ("g0", False)]


def test_what_someone_did_before_a_restart_is_named_when_they_turn_out_to_work_here(frame: FrameOf) -> None:
    way = [(0.9, 0.4 + step / 50) for step in range(20)]
    messages = [frame(step / 10, {"1": place}) for step, place in enumerate(way + [(0.9, 0.8)] * 20)]
    before = started(Path("nowhere"))
    events_before = [event for message in messages[:18] for event in events_of(before.on_side_channel(message))]
    after = started(Path("nowhere"), before.checkpoint())
    events_after = [event for message in messages[18:] for event in events_of(after.on_side_channel(message))]
    (crossing,) = [event for event in events_before if event["type"] == "storeflow.line.crossed"]
    (recognised,) = [event["data"] for event in events_after if event["type"] == "storeflow.person.recognised"]
    assert recognised["crossing_ids"] == [crossing["id"]]


def test_who_had_just_left_when_the_module_stopped_is_reported_after_the_restart(frame: FrameOf) -> None:
    """The tracker follows on under the same id with someone else: the one before was on the way out of view."""
    leaving = [frame(step / 10, {"1": (0.5, 0.6 - step * 0.005)}) for step in range(16)]
    edge = [frame(1.6 + step / 10, {"1": (0.5, 0.11 - step * 0.005)}) for step in range(4)]
    someone_else = [frame(3.0, {"1": (0.5, 0.9)})]
    before = started(Path("nowhere"))
    for message in [*leaving, *edge, *someone_else]:
        before.on_side_channel(message)
    (state,) = checkpoint.decode(before.checkpoint()).views
    left = checkpoint.restored_view(state, DECISIONS).people.forget(3.1)
    assert [person.person_id for person in left] == ["1"]


def test_a_checkpoint_of_another_version_is_refused_by_its_version_and_not_by_what_differs() -> None:
    with pytest.raises(ContractError, match=r"checkpoint\.version: Input should be 2"):
        checkpoint.decode(b'{"version": 1, "views": [{"camera_id": "door"}]}')


@pytest.mark.parametrize("spatial_analysis", [False, True])
def test_a_checkpoint_has_detections_only_while_documents_of_spatial_analysis_are_made_of_them(
    frame: FrameOf, *, spatial_analysis: bool
) -> None:
    """Read as bytes: no name of a field, and no corner of the newest box."""
    module = started(Path("nowhere"))
    module.configure("layout", read_section("layout", {**LAYOUT, "spatial_analysis": spatial_analysis}), 4)
    for step in range(10):
        module.on_side_channel(frame(step / 10, {"1": (0.5123, 0.7)}))
    (track,) = frame(1.0, {"1": (0.5123, 0.7)}).tracks
    body = module.checkpoint()
    assert b'"1"' in body  # the person is
    for trace in (b'"box"', b'"confidence"', b'"tracks"', str(track.box.left).encode()):
        assert (trace in body) is spatial_analysis, trace


@pytest.mark.parametrize("field", ["views", "areas"])
def test_what_is_no_list_of_states_is_refused_with_its_place(field: str) -> None:
    with pytest.raises(ContractError, match=rf"checkpoint\.{field}"):
        checkpoint.decode(json.dumps({"version": checkpoint.VERSION, field: 3}).encode())
