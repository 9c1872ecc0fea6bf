import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.zone_analytics import checkpoint
from modules.zone_analytics.decisions import Crossing, OccupancyChanged, VisitBegan
from modules.zone_analytics.module import ZoneAnalytics
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.parameters import DECISIONS
from storeflow.contract.twins import read_section
from storeflow.errors import ContractError
from storeflow.module import ModuleContext, Output

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


def told(outputs: Sequence[Output]) -> list[Any]:
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
    expected = [told(unbroken.on_side_channel(message)) for message in messages]
    at = int(cut * (len(messages) - 1))
    before = started(folder)
    here = [told(before.on_side_channel(message)) for message in messages[:at]]
    after = started(folder, before.checkpoint())
    here += [told(after.on_side_channel(message)) for message in messages[at:]]
    assert here == expected


def test_the_scenes_of_that_test_hold_every_kind_of_event(frame: FrameOf) -> None:
    street, shop, queue, till, behind = PLACES[:5]
    shopper = [(street, 20), (shop, 10), (queue, 30), (queue, 5), (till, 20), (till, 10), (shop, 5), (street, 2)]
    worker = [(street, 20), (behind, 40), (behind, 10), ((0.9, 0.4), 2)]
    module = started(Path("nowhere"))
    messages = scene([shopper, worker], frame)
    kinds = {event["type"] for message in messages for event in told(module.on_side_channel(message))}
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
    assert len(checkpoint.read(before.checkpoint()).views[0].parties) == (2 if cut == 20 else 1)
    after = started(Path("nowhere"), before.checkpoint())
    events = [event for message in messages[cut:] for event in told(after.on_side_channel(message))]
    crossings = [event["data"] for event in events if event["type"] == "storeflow.line.crossed"]
    assert [(one["group_id"], one["buying_unit"]) for one in crossings] == [("g0", True), ("g0", False)]


def test_what_was_told_of_someone_before_a_restart_is_named_when_they_turn_out_to_work_here(frame: FrameOf) -> None:
    way = [(0.9, 0.4 + step / 50) for step in range(20)]
    messages = [frame(step / 10, {"1": place}) for step, place in enumerate(way + [(0.9, 0.8)] * 20)]
    before = started(Path("nowhere"))
    told_before = [event for message in messages[:18] for event in told(before.on_side_channel(message))]
    after = started(Path("nowhere"), before.checkpoint())
    told_after = [event for message in messages[18:] for event in told(after.on_side_channel(message))]
    (crossing,) = [event for event in told_before if event["type"] == "storeflow.line.crossed"]
    (recognised,) = [event["data"] for event in told_after if event["type"] == "storeflow.person.recognised"]
    assert recognised["crossing_ids"] == [crossing["id"]]


def test_who_had_just_left_when_the_module_stopped_is_told_after_the_restart(frame: FrameOf) -> None:
    """The tracker follows on under the same id with someone else: the one before was on the way out of view."""
    leaving = [frame(step / 10, {"1": (0.5, 0.6 - step * 0.005)}) for step in range(16)]
    edge = [frame(1.6 + step / 10, {"1": (0.5, 0.11 - step * 0.005)}) for step in range(4)]
    someone_else = [frame(3.0, {"1": (0.5, 0.9)})]
    before = started(Path("nowhere"))
    for message in [*leaving, *edge, *someone_else]:
        before.on_side_channel(message)
    (state,) = checkpoint.read(before.checkpoint()).views
    told_of = checkpoint.wake(state, DECISIONS).people.forget(3.1)
    assert [person.person_id for person in told_of] == ["1"]


def test_a_checkpoint_of_an_earlier_version_goes_on(frame: FrameOf) -> None:
    """It was written by the version before queues, groups, areas and staff; one person stands in `room`."""
    earlier = checkpoint.read((Path(__file__).parent / "earlier_checkpoint.json").read_bytes())
    (state,) = earlier.views
    view = checkpoint.wake(state, DECISIONS)
    decisions: list[Any] = []
    for step in range(8, 30):
        decisions += view.observe(frame(step / 10, {"1": (0.5, 0.45 + 0.005 * (step - 7))}))
    assert [type(one) for one in decisions if not isinstance(one, OccupancyChanged)] == [Crossing]
    decisions += view.end()
    assert [one.occupancy for one in decisions if isinstance(one, OccupancyChanged)] == [0]
    assert not any(isinstance(one, VisitBegan) for one in decisions)
    assert earlier.areas == []


def test_an_area_of_a_checkpoint_from_before_cameras_had_clocks_goes_on_with_whoever_is_inside(frame: FrameOf) -> None:
    area = {
        "area_id": "shop",
        "at": MIDNIGHT + 60,
        "reset_at": MIDNIGHT,
        "occupancy": 5,
        "crossings": 7,
        "clamped": 1,
        "seen_seconds": 60.0,
        "unseen_seconds": 0.0,
        "heard_at": {"door": MIDNIGHT + 60},
        "told_bound": 2,
    }
    module = started(Path("nowhere"), json.dumps({"version": 1, "areas": [area]}).encode())
    told_of: list[Any] = []
    for at in (70, 86_401):
        told_of += told(module.on_side_channel(frame(MIDNIGHT + at, {})))
    areas = [event["data"] for event in told_of if event["type"] == "storeflow.area.occupancy"]
    assert [(one["cause"], one["occupancy"], one["unseen_seconds"]) for one in areas] == [
        ("gap", 5, 10.0), ("reset", 0, 0.0),
    ]  # fmt: skip


@pytest.mark.parametrize("field", ["views", "areas"])
def test_what_is_no_list_of_states_is_refused_with_its_place(field: str) -> None:
    with pytest.raises(ContractError, match=f"checkpoint: {field}"):
        checkpoint.read(json.dumps({"version": 1, field: 3}).encode())
