from typing import Any

import pytest

from storeflow.cli.layout_parts import layout_of_camera
from storeflow.contract.twins import Layout, Line, Queue, Zone, read_section
from storeflow.errors import ConfigError

ACROSS: dict[str, Any] = {"start": [0.1, 0.5], "end": [0.9, 0.5]}
SQUARE = [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]


@pytest.fixture
def store() -> Layout:
    """Two doors of a camera each, an aisle of the second and a zone of any."""
    layout: Layout = read_section(
        "layout",
        {
            "lines": {"front": {**ACROSS, "camera_id": "north"}, "back": {**ACROSS, "camera_id": "south"}},
            "zones": {"aisle": {"polygon": SQUARE, "camera_id": "south"}, "anywhere": {"polygon": SQUARE}},
            "queues": {"till": {"polygon": SQUARE, "service": SQUARE, "camera_id": "south"}},
            "areas": {"shop": {"lines": {"front": "in", "back": "in"}}, "yard": {"lines": {"back": "in"}}},
        },
    )
    return layout


def test_of_a_store_one_cameras_part_is_taken_and_tied_to_no_camera(store: Layout) -> None:
    part = layout_of_camera(store, "south")
    assert list(part.lines) == ["back"]
    assert list(part.zones) == ["aisle", "anywhere"]
    assert list(part.queues) == ["till"]
    drawn: list[Line | Zone | Queue] = [*part.lines.values(), *part.zones.values(), *part.queues.values()]
    assert {one.camera_id for one in drawn} == {None}
    assert list(part.areas) == ["yard"], "the shop has a door that another camera sees"


def test_which_camera_it_is_must_be_said_where_there_are_several(store: Layout) -> None:
    with pytest.raises(ConfigError, match="--camera-id: the layout is of several cameras; choose one of north, south"):
        layout_of_camera(store, None)


def test_the_only_camera_of_a_layout_needs_no_name() -> None:
    layout = read_section("layout", {"lines": {"door": {**ACROSS, "camera_id": "north"}, "gate": ACROSS}})
    part = layout_of_camera(layout, None)
    assert list(part.lines) == ["door", "gate"]
    assert part.lines["door"].camera_id is None


def test_a_camera_that_the_layout_does_not_name_is_refused(store: Layout) -> None:
    with pytest.raises(ConfigError, match="nothing in the layout is of camera east; it names north, south"):
        layout_of_camera(store, "east")
    with pytest.raises(ConfigError, match="it names no camera: leave this out"):
        layout_of_camera(Layout(), "east")
