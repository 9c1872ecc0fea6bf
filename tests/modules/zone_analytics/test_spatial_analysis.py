"""A configuration of Azure Spatial Analysis goes in, somebody walks, and documents of that service come out."""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from modules.zone_analytics.module import ZoneAnalytics
from storeflow.cli.migrate.spatial_analysis_config import find_graphs
from storeflow.cli.migrate.spatial_analysis_layout import migrate
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import SpatialAnalysis, ZoneExited
from storeflow.contract.geometry import BoundingBox
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import read_section
from storeflow.host.module import ModuleContext, Output

Document = dict[str, Any]
Feet = tuple[float, float]
FrameOf = Callable[..., Detections]
JSON_TYPES = {"array": list, "integer": int, "number": float, "object": dict, "string": str}
CONFIG = {
    "lines": [
        {
            "name": "shopfront",
            "line": {"start": {"x": 0.1, "y": 0.3}, "end": {"x": 0.9, "y": 0.3}},
            "events": [{"type": "linecrossing", "config": {"trigger": "event", "focus": "footprint"}}],
        }
    ],
    "zones": [
        {
            "name": "queue",
            "polygon": [[0.3, 0.5], [0.7, 0.5], [0.7, 0.8], [0.3, 0.8], [0.3, 0.5]],
            "events": [{"type": "count"}, {"type": "zonecrossing"}, {"type": "zonedwelltime"}],
        }
    ],
}
"""First and second corner are those of the upper edge, so that is side 1; 2 is the right one, and so on around."""
QUEUE = {"polygon": [[0.3, 0.5], [0.7, 0.5], [0.7, 0.8], [0.3, 0.8]]}
TOP, RIGHT, BOTTOM, LEFT = (0.5, 0.4), (0.85, 0.65), (0.5, 0.95), (0.15, 0.65)
MIDDLE = (0.5, 0.65)


class Store:
    """zone_analytics with one camera, ten frames a second."""

    def __init__(self, folder: Path, frame: FrameOf, layout: Document, checkpoint: bytes | None = None) -> None:
        context = ModuleContext("zone_analytics", "hub", "box", "store-1", folder, folder, folder, (), folder)
        self.module = ZoneAnalytics(context, checkpoint)
        self.frame, self.at = frame, 0.0
        self.outputs: list[Output] = []
        self.configure(layout)

    def configure(self, layout: Document) -> "Store":
        """Take over a layout; what that leads to comes with the next frame."""
        self.module.configure("layout", read_section("layout", layout), 1)
        self.outputs += self.module._outputs
        self.module._outputs = []
        return self

    def see(self, feet: Mapping[str, Feet]) -> "Store":
        """One frame."""
        self.outputs += self.module.on_side_channel(self.frame(self.at, feet))
        self.at = round(self.at + 0.1, 3)
        return self

    def walk(
        self, track_id: str, *places: Feet, seconds: float = 1.0, beside: Mapping[str, Feet] | None = None
    ) -> "Store":
        """Lead one person from place to place, each way in `seconds`, while others stand."""
        for start, end in itertools.pairwise(places):
            steps = round(seconds * 10)
            for share in (step / steps for step in range(steps)):
                place = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
                self.see({**(beside or {}), track_id: place})
        return self

    def wait(self, seconds: float) -> "Store":
        """Frames without anybody."""
        for _ in range(round(seconds * 10)):
            self.see({})
        return self

    def end(self) -> "Store":
        """The camera is gone."""
        ended = StreamEnded(camera_id="door", sequence=999, captured_at=self.at, reason="unplugged")
        self.outputs += self.module.on_side_channel(ended)
        return self

    @property
    def events(self) -> list[CloudEvent]:
        """Every event."""
        return [output.event for output in self.outputs if isinstance(output.event, CloudEvent)]

    def documents(self, event_type: str = "") -> list[Document]:
        """The documents, as they leave; those of one type, or all."""
        envelopes = (json.loads(event.to_json()) for event in self.events if isinstance(event.data, SpatialAnalysis))
        found = (event["data"]["document"] for event in envelopes)
        return [one for one in found if event_type in ("", one["events"][0]["type"])]

    def emitted(self, event_type: str) -> list[Document]:
        """The events in the documents of one type."""
        return [one["events"][0] for one in self.documents(event_type)]


@pytest.fixture
def store(tmp_path: Path, frame: FrameOf) -> Callable[..., Store]:
    """`store(layout, checkpoint=None)`; without a layout, the migrated one."""

    def make(layout: Document | None = None, checkpoint: bytes | None = None) -> Store:
        migrated = migrate(find_graphs(CONFIG)).document()["layout"]
        return Store(tmp_path, frame, migrated if layout is None else layout, checkpoint)

    return make


def of_zone(**settings: Any) -> Document:
    return {"spatial_analysis": True, "zones": {"queue": {**QUEUE, **settings}}}


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and JSON type of every leaf and every array."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from flat(child, f"{path}.{key}".lstrip("."))
        return
    yield path, next(name for name, kind in JSON_TYPES.items() if type(value) is kind)
    if isinstance(value, list):
        for child in value:
            yield from flat(child, f"{path}[]")


@pytest.fixture
def documented(repository: Path) -> Callable[[str], set[tuple[str, str]]]:
    """Path and JSON type of every field that storeflow tells of one type of event."""
    fields = json.loads((repository / "tests" / "contract" / "spatial_analysis_fields.json").read_text())["events"]
    return lambda event_type: {(path, kind) for path, kind, _, is_there in fields[event_type]["sample"] if is_there}


@pytest.mark.parametrize(
    ("event_type", "zone"),
    [
        ("personLineEvent", "shopfront"),
        ("personZoneEnterExitEvent", "queue"),
        ("personZoneDwellTimeEvent", "queue"),
        ("personCountEvent", "queue"),
    ],
)
def test_a_migrated_configuration_gives_the_documented_fields_under_its_old_names(
    event_type: str, zone: str, store: Callable[..., Store], documented: Callable[[str], set[tuple[str, str]]]
) -> None:
    walker = store().walk("w", (0.5, 0.1), TOP, MIDDLE, LEFT, (0.05, 0.65), seconds=2)

    documents = [one for one in walker.documents(event_type) if one["detections"]]

    assert documents
    for document in documents:
        assert set(flat(document)) == documented(event_type)
        (event,) = document["events"]
        assert event["zone"] == zone
        assert re.fullmatch("[0-9a-f]{32}", event["id"])
        assert event["detectionIds"] == [detection["id"] for detection in document["detections"]] == ["w"]
        assert document["sourceInfo"]["id"] == "door"
        assert re.fullmatch(r"1970-01-01T00:00:0\d\.\d{3}Z", document["sourceInfo"]["timestamp"])


def test_one_walk_is_reported_in_the_order_in_which_it_was_decided(store: Callable[..., Store]) -> None:
    walker = store().walk("w", (0.5, 0.1), TOP, MIDDLE, LEFT, (0.05, 0.65), seconds=2)
    assert [(one["events"][0]["type"], one["events"][0]["properties"]) for one in walker.documents()] == [
        ("personLineEvent", {"trackingId": "w", "status": "CrossRight"}),
        ("personZoneEnterExitEvent", {"trackingId": "w", "status": "Enter", "side": "1"}),
        ("personCountEvent", {"personCount": 1}),
        ("personZoneEnterExitEvent", {"trackingId": "w", "status": "Exit", "side": "4"}),
        (
            "personZoneDwellTimeEvent",
            {"trackingId": "w", "status": "Exit", "side": "4", "dwellTime": 2300.0, "dwellFrames": 24},
        ),
        ("personCountEvent", {"personCount": 0}),
    ]


@pytest.mark.parametrize("inwards", ["left", "right"])
@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        # Stand at the start, on the left of the picture, and face the end: the lower half is on the right.
        ((0.1, 0.5), (0.9, 0.5), "CrossRight"),
        ((0.9, 0.5), (0.1, 0.5), "CrossLeft"),
    ],
)
def test_a_crossing_has_the_side_that_it_leads_to_whichever_is_called_in(
    store: Callable[..., Store], start: Feet, end: Feet, status: str, inwards: str
) -> None:
    layout = {"spatial_analysis": True, "lines": {"door": {"start": start, "end": end, "in": inwards}}}
    downwards = store(layout).walk("w", (0.5, 0.2), (0.5, 0.8), seconds=3)
    assert [event["properties"]["status"] for event in downwards.emitted("personLineEvent")] == [status]

    both_ways = downwards.walk("w", (0.5, 0.8), (0.5, 0.2), seconds=3).emitted("personLineEvent")
    assert {event["properties"]["status"] for event in both_ways} == {"CrossLeft", "CrossRight"}
    assert len(both_ways) == 2, "a U-turn takes neither back"


@pytest.mark.parametrize(("place", "side"), [(TOP, "1"), (RIGHT, "2"), (BOTTOM, "3"), (LEFT, "4")])
def test_sides_are_counted_from_1_the_edge_between_the_first_two_corners(
    store: Callable[..., Store], place: Feet, side: str
) -> None:
    walker = store(of_zone()).walk("w", place, MIDDLE, place, place, seconds=2)
    assert [event["properties"] for event in walker.emitted("personZoneEnterExitEvent")] == [
        {"trackingId": "w", "status": "Enter", "side": side},
        {"trackingId": "w", "status": "Exit", "side": side},
    ]
    assert [event["properties"]["side"] for event in walker.emitted("personZoneDwellTimeEvent")] == [side]


def test_who_appears_and_vanishes_inside_has_no_side_and_no_rectangle_once_gone(store: Callable[..., Store]) -> None:
    ghost = store(of_zone()).walk("w", MIDDLE, MIDDLE, seconds=2).wait(3)

    came, went = ghost.documents("personZoneEnterExitEvent")
    (dwelt,) = ghost.documents("personZoneDwellTimeEvent")

    assert [one["events"][0]["properties"]["side"] for one in (came, went, dwelt)] == ["", "", ""]
    assert [len(one["detections"]) for one in (came, went, dwelt)] == [1, 0, 0]
    assert went["events"][0]["detectionIds"] == dwelt["events"][0]["detectionIds"] == ["w"]


def test_dwell_is_that_of_the_stores_own_event_in_milliseconds(store: Callable[..., Store]) -> None:
    walker = store(of_zone()).walk("w", TOP, MIDDLE, LEFT, (0.05, 0.65), seconds=2)
    (exited,) = (event.data for event in walker.events if isinstance(event.data, ZoneExited))
    (dwelt,) = walker.emitted("personZoneDwellTimeEvent")
    assert dwelt["properties"]["dwellTime"] == pytest.approx(exited.dwell_seconds * 1000)
    # Ten frames a second, and both ends were seen.
    assert dwelt["properties"]["dwellFrames"] == round(exited.dwell_seconds * 10) + 1


def test_a_count_names_and_shows_everybody_inside(store: Callable[..., Store]) -> None:
    others = {"a": (0.4, 0.6), "out": (0.1, 0.2)}
    queue = store(of_zone()).walk("b", TOP, MIDDLE, MIDDLE, seconds=2, beside=others)

    counts = queue.documents("personCountEvent")

    assert [one["events"][0]["properties"]["personCount"] for one in counts] == [1, 2]
    assert counts[-1]["events"][0]["detectionIds"] == ["a", "b"]
    assert [detection["id"] for detection in counts[-1]["detections"]] == ["a", "b"]
    assert {one["events"][0]["trigger"] for one in counts} == {"event"}

    emptied = queue.wait(3).documents("personCountEvent")[-1]
    assert (emptied["events"][0]["properties"]["personCount"], emptied["events"][0]["detectionIds"]) == (0, [])
    assert emptied["detections"] == []


def test_a_count_by_interval_says_so_and_comes_without_a_change(store: Callable[..., Store]) -> None:
    queue = store(of_zone(occupancy_interval_seconds=1)).walk("w", MIDDLE, MIDDLE, seconds=4)
    counts = queue.emitted("personCountEvent")
    assert [event["properties"]["personCount"] for event in counts][-3:] == [1, 1, 1]
    assert {event["trigger"] for event in counts} == {"interval"}
    assert len({event["id"] for event in counts}) == len(counts)


def test_the_rectangle_is_that_of_the_frame_and_ends_at_its_border(store: Callable[..., Store]) -> None:
    polygon = {"polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
    corner = store({"spatial_analysis": True, "zones": {"all": polygon}}).walk("w", (0.01, 0.05), (0.01, 0.05))

    (came,) = corner.documents("personZoneEnterExitEvent")

    assert came["detections"][0]["region"]["points"] == [
        {"x": 0.0, "y": 0.0},
        {"x": pytest.approx(0.035), "y": pytest.approx(0.05)},
    ]
    metadata = came["detections"][0]["metadata"]
    assert (float(metadata["footprintX"]), float(metadata["footprintY"])) == pytest.approx((0.01, 0.05))
    assert (came["sourceInfo"]["width"], came["sourceInfo"]["height"]) == (1000, 1000)
    assert came["sourceInfo"]["frameId"] == "5", "decided in the frame half a second after the first"


def test_feet_and_rectangle_are_fractions_of_a_wide_picture(store: Callable[..., Store], frame: FrameOf) -> None:
    wide = store(of_zone())
    for step in range(10):
        square = frame(step / 10, {"w": MIDDLE})
        wide.outputs += wide.module.on_side_channel(square.model_copy(update={"frame_width": 2000}))
    (came,) = wide.documents("personZoneEnterExitEvent")
    metadata = came["detections"][0]["metadata"]
    assert (float(metadata["footprintX"]), float(metadata["footprintY"])) == pytest.approx(MIDDLE)
    assert came["sourceInfo"]["width"] == 2000


def test_a_person_whom_the_tracker_lost_keeps_their_id_and_is_shown_where_the_new_track_is(
    store: Callable[..., Store],
) -> None:
    walker = store(of_zone()).walk("w", TOP, (0.5, 0.6), (0.5, 0.65), seconds=1)
    walker.walk("again", (0.5, 0.66), (0.5, 0.75), (0.5, 0.97), (0.5, 0.99))
    went = walker.documents("personZoneEnterExitEvent")[-1]
    assert went["events"][0]["properties"] == {"trackingId": "w", "status": "Exit", "side": "3"}
    (detection,) = went["detections"]
    assert (detection["id"], detection["metadata"]["trackingId"]) == ("w", "w")
    assert detection["region"]["points"][1]["y"] > 0.9


def test_what_is_no_person_has_no_document(store: Callable[..., Store], frame: FrameOf) -> None:
    layout = of_zone(object_class="car")
    layout["lines"] = {"gate": {"start": [0.1, 0.6], "end": [0.9, 0.6], "object_class": "car"}}
    gate = store(layout)
    for step in range(20):
        seen = frame(step / 10, {"c": (0.5, 0.4 + step / 50)})
        cars = tuple(track.model_copy(update={"object_class": "car"}) for track in seen.tracks)
        gate.outputs += gate.module.on_side_channel(seen.model_copy(update={"tracks": cars}))
    gate.end()
    assert {event.type for event in gate.events} >= {
        "storeflow.line.crossed",
        "storeflow.zone.exited",
        "storeflow.zone.occupancy",
    }
    assert gate.documents() == []


def test_a_layout_that_does_not_ask_for_documents_gets_none_and_the_same_events(store: Callable[..., Store]) -> None:
    def walk(asked: bool) -> Store:
        return store(of_zone() | {"spatial_analysis": asked}).walk("w", TOP, MIDDLE, LEFT, (0.05, 0.65), seconds=2)

    with_documents, without = walk(asked=True), walk(asked=False)

    assert without.documents() == []
    assert [event for event in with_documents.events if event.type != "storeflow.spatial_analysis"] == without.events


def test_documents_have_a_series_and_ids_of_their_own_that_stay_the_same(store: Callable[..., Store]) -> None:
    def envelopes() -> list[CloudEvent]:
        walker = store().walk("w", (0.5, 0.1), TOP, MIDDLE, LEFT, (0.05, 0.65), seconds=2)
        return [event for event in walker.events if isinstance(event.data, SpatialAnalysis)]

    first, second = envelopes(), envelopes()

    assert first == second
    assert {event.source for event in first} == {"//hub/box/door/spatial_analysis"}
    assert len({event.id for event in first}) == len(first) == 6
    for event in first:
        assert isinstance(event.data, SpatialAnalysis)
        assert event.id == event.data.document.events[0].id
        assert event.subject == event.data.document.events[0].zone


@pytest.mark.parametrize("how", ["end", "edit", "restart and edit"])
def test_a_visit_that_the_camera_or_the_layout_ends_is_reported_with_the_newest_frame(
    store: Callable[..., Store], how: str
) -> None:
    inside = store(of_zone()).walk("w", TOP, MIDDLE, MIDDLE, seconds=2)
    moved = of_zone(polygon=[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]])
    if how == "end":
        inside.end()
    elif how == "edit":
        inside.configure(moved)
    else:
        inside = store(moved, inside.module.checkpoint())

    (went,) = (
        one
        for one in inside.documents()
        if one["events"][0]["properties"].get("status") == "Exit"
        and one["events"][0]["type"] == "personZoneEnterExitEvent"
    )
    assert (went["sourceInfo"]["frameId"], went["sourceInfo"]["width"]) == ("39", 1000)
    assert went["detections"][0]["region"]["points"][1]["y"] == pytest.approx(MIDDLE[1])
    assert inside.emitted("personCountEvent")[-1]["properties"] == {"personCount": 0}


def test_documents_that_are_asked_for_during_a_restart_begin_with_the_next_frame(store: Callable[..., Store]) -> None:
    """The checkpoint has no frame to make them of: nobody wanted them when it was written."""
    inside = store({**of_zone(), "spatial_analysis": False}).walk("w", TOP, MIDDLE, MIDDLE, seconds=2)
    body = inside.module.checkpoint()

    edited = store(of_zone(polygon=[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]), body)
    assert [event.type for event in edited.events] == ["storeflow.zone.exited", "storeflow.zone.occupancy"]

    went_on = store(of_zone(), body)
    went_on.at = inside.at
    went_on.walk("w", MIDDLE, LEFT, (0.05, 0.65), seconds=2)
    assert [event["properties"]["side"] for event in went_on.emitted("personZoneDwellTimeEvent")] == ["4"]


def test_a_box_is_written_in_full_numbers(store: Callable[..., Store], frame: FrameOf) -> None:
    seen = frame(0.0, {"w": MIDDLE})
    box = BoundingBox(1 / 3, 0.5, 2 / 3, 0.65)
    precise = store(of_zone(min_visit_seconds=0))
    tracks = tuple(track.model_copy(update={"box": box, "confidence": 2 / 3}) for track in seen.tracks)
    precise.outputs += precise.module.on_side_channel(seen.model_copy(update={"tracks": tracks}))
    (came,) = precise.documents("personZoneEnterExitEvent")
    assert came["detections"][0]["region"]["points"][0]["x"] == 1 / 3
    assert came["detections"][0]["confidence"] == 2 / 3
