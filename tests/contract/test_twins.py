from typing import Any

import pytest

from storeflow.contract.geometry import Point
from storeflow.contract.twins import SECTION_NAMES, NdjsonSink, read_section, section_schema
from storeflow.errors import ConfigError

DOOR = {"start": [0.1, 0.5], "end": [0.9, 0.5]}
AISLE = {"polygon": [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]}
NAN = float("nan")


def test_a_layout_is_read_with_its_defaults() -> None:
    layout = read_section("layout", {"lines": {"door": DOOR}, "zones": {"aisle": AISLE}})
    assert layout.lines["door"].in_ == "right"
    assert layout.lines["door"].end == Point(0.9, 0.5)
    assert (layout.zones["aisle"].reentry_seconds, layout.zones["aisle"].min_visit_seconds) == (1.0, 0.5)


def test_queues_and_areas_are_read_with_their_defaults() -> None:
    queue = {"polygon": AISLE["polygon"], "service": AISLE["polygon"]}
    layout = read_section(
        "layout", {"lines": {"door": DOOR}, "queues": {"till": queue}, "areas": {"shop": {"lines": {"door": "in"}}}}
    )
    till, shop = layout.queues["till"], layout.areas["shop"]
    assert (till.reentry_seconds, till.min_wait_seconds, till.served_seconds) == (2.0, 1.0, 2.0)
    assert (shop.reset_at, shop.time_zone, shop.lines) == ("04:00", "UTC", {"door": "in"})
    assert {layout.lines["door"].focus, till.focus} == {"footprint"}


def test_nothing_new_is_sent_unless_the_layout_asks_for_it() -> None:
    zone = read_section("layout", {"zones": {"aisle": AISLE}}).zones["aisle"]
    new = (zone.margin, zone.dwell_interval_seconds, zone.occupancy_interval_seconds, zone.staff_only)
    assert new == (0, 0, 0, False)


def test_a_camera_is_read_with_its_mask() -> None:
    cameras = read_section("cameras", {"door": {"url": "file:door.mp4", "masks": {"till": AISLE["polygon"]}}})
    assert cameras["door"].fps == 10
    assert len(cameras["door"].masks["till"]) == 4


def test_without_a_setting_events_go_to_iot_hub() -> None:
    assert [sink.kind for sink in read_section("telemetry", {}).sinks.values()] == ["upstream"]
    sinks = read_section("telemetry", {"sinks": {"file": {"kind": "ndjson"}}}).sinks
    assert sinks == {"file": NdjsonSink()}


@pytest.mark.parametrize(
    ("section", "document", "told"),
    [
        (
            "layout",
            {"lines": {"door": {**DOOR, "inn": "left"}}},
            "layout.lines.door.inn: there is no such setting",
        ),
        ("layout", {"lines": {"door": {**DOOR, "end": DOOR["start"]}}}, "layout.lines.door.end: is the same point"),
        (
            "layout",
            {"lines": {"door": {**DOOR, "in": "up"}}},
            "layout.lines.door.in: left or right is expected",
        ),
        ("layout", {"lines": {"the door": DOOR}}, "layout.lines.the door"),
        (
            "layout",
            {"zones": {"a": {"polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}}},
            "layout.zones.a.polygon: the polygon crosses itself",
        ),
        (
            "layout",
            {"zones": {"a": {"polygon": [[0, 0], [1, 1], [1, 0], [0, 0.4]]}}},
            "layout.zones.a.polygon: the polygon crosses itself",
        ),
        (
            "layout",
            {"zones": {"a": {"polygon": [[0.1, 0.1], [0.1, 0.1], [0.1, 0.1]]}}},
            "layout.zones.a.polygon: the polygon crosses itself or has no area",
        ),
        (
            "layout",
            {"zones": {"a": {"polygon": [[0, 0], [0.5, 0], [1, 0]]}}},
            "layout.zones.a.polygon: the polygon crosses itself or has no area",
        ),
        (
            "layout",
            {"zones": {"a": {"polygon": [[0, 0], [1, NAN], [1, 0]]}}},
            "layout.zones.a.polygon[1]: (1.0, nan) is outside",
        ),
        (
            "layout",
            {"zones": {"a": {"polygon": [[0, 0], [1.2, 1], [1, 0]]}}},
            "layout.zones.a.polygon[1]: (1.2, 1.0) is outside",
        ),
        (
            "layout",
            {"zones": {"a": {"polygon": [[0, 0], [1, 1]]}}},
            "layout.zones.a.polygon: has 2 corners, 3 to 64 are needed",
        ),
        (
            "layout",
            {"zones": {"a": {**AISLE, "reentry_seconds": -1}}},
            "layout.zones.a.reentry_seconds: at least 0 is expected",
        ),
        (
            "layout",
            {"lines": {"door": DOOR}, "areas": {"the-shop": {"lines": {"door": "in", "back-door": "in"}}}},
            "layout.areas.the-shop.lines.back-door: there is no line of that name",
        ),
        ("layout", {"areas": {"shop": {"lines": {}}}}, "layout.areas.shop.lines: has 0 entries, at least 1 needed"),
        (
            "layout",
            {"lines": {"door": DOOR}, "areas": {"shop": {"lines": {"door": "up"}}}},
            "layout.areas.shop.lines.door: in or out is expected",
        ),
        (
            "layout",
            {"lines": {"door": DOOR}, "areas": {"shop": {"lines": {"door": "in"}, "reset_at": "24:00"}}},
            "layout.areas.shop.reset_at: a time of day is expected, from 00:00 to 23:59",
        ),
        *(
            (
                "layout",
                {"lines": {"door": DOOR}, "areas": {"shop": {"lines": {"door": "in"}, "time_zone": name}}},
                "layout.areas.shop.time_zone: ",
            )
            for name in ("Europe/Atlantis", "Europe", "../../etc/passwd", "/etc/passwd", "")
        ),
        (
            "layout",
            {"queues": {"till": {"polygon": AISLE["polygon"]}}},
            "layout.queues.till.service: is missing",
        ),
        (
            "layout",
            {"zones": {"a": {**AISLE, "focus": "head"}}},
            "layout.zones.a.focus: footprint, bottom_center or center is expected",
        ),
        ("layout", {"zones": {"a": {**AISLE, "margin": 1.5}}}, "layout.zones.a.margin: at most 1 is expected"),
        ("cameras", {"door": {"url": "file:x.mp4", "fps": 0}}, "cameras.door.fps: more than 0 is expected"),
        (
            "cameras",
            {"door": {"url": "rtsp://user:pass@host/1"}},
            "cameras.door.url: a URL in a twin carries no user name",
        ),
        ("cameras", {"door": {"url": "ftp://host/1"}}, "cameras.door.url: begins with none of"),
        ("cameras", {"door": {"url": "pattern:walker", "region": [0.5, 0, 0.5, 1]}}, "cameras.door.region: "),
        (
            "telemetry",
            {"sinks": {"file": {"kind": "ndjson", "file": "../x"}}},
            "telemetry.sinks.file.file: 1 to 64 of the characters",
        ),
        (
            "telemetry",
            {"sinks": {"file": {"kind": "ndjson", "file": "..ndjson"}}},
            "telemetry.sinks.file.file: ",
        ),
        ("telemetry", {"sinks": {}}, "telemetry.sinks: has 0 entries, at least 1 needed"),
        (
            "telemetry",
            {"sinks": {"a": {"kind": "ndjson"}, "b": {"kind": "ndjson"}}},
            "telemetry.sinks.b.file: 'events.ndjson' is the file of sink a already",
        ),
        *(
            (
                "telemetry",
                {"sinks": {"sums": {"kind": "upstream", "events": events}}, "windows": {"mode": "beside"}},
                f"telemetry.sinks.sums.events: takes storeflow.footfall.window and not {missing}, which windows.mode",
            )
            for events, missing in (
                (["storeflow.footfall.*"], "storeflow.line.crossed"),
                (["storeflow.footfall.*", "storeflow.line.crossed"], "storeflow.line.u_turn"),
                (["storeflow.footfall.window", "storeflow.line.*"], "storeflow.person.recognised"),
            )
        ),
        (
            "telemetry",
            {"sinks": {"documents": {"kind": "spatial_analysis"}}, "windows": {"mode": "instead"}},
            "telemetry.sinks.documents.kind: documents of Azure Spatial Analysis speak of single persons",
        ),
        ("models", {"persons": {"name": "rtmdet_nano"}}, "models.persons: person or vehicle is expected"),
        (
            "layout",
            {"lines": {"door": {**DOOR, "object_class": "persn"}}},
            "layout.lines.door.object_class: person, vehicle, bus, car, motorcycle or truck is expected",
        ),
        (
            "models",
            {"person": {"name": "rtmdet_nano", "threshold": 1.5}},
            "models.person.threshold: less than 1 is expected",
        ),
        ("layuot", {}, "layuot: no such section"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_path_and_the_fact(section: str, document: Any, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_section(section, document)
    assert any(problem.startswith(told) for problem in refused.value.problems), refused.value.problems


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        read_section("layout", {"lines": {"a": {**DOOR, "x": 1}, "b": {**DOOR, "in": 3}}})
    assert len(refused.value.problems) == 2


def test_a_password_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(ConfigError) as refused:
        read_section("cameras", {"door": {"url": "rtsp://user:s3cret@host/1"}})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("section", SECTION_NAMES)
def test_every_section_has_a_json_schema(section: str) -> None:
    assert section_schema(section)


@pytest.mark.parametrize(
    ("sink", "mode"),
    [
        ({"kind": "upstream", "events": ["storeflow.footfall.*"]}, "instead"),
        ({"kind": "upstream", "events": ["storeflow.zone.*"]}, "beside"),
        ({"kind": "upstream", "events": ["storeflow.footfall.*", "storeflow.line.*", "storeflow.person.*"]}, "beside"),
        ({"kind": "ndjson"}, "beside"),
        ({"kind": "spatial_analysis"}, "beside"),
    ],
)
def test_sums_go_where_nobody_is_told_what_is_not_true_of_them(sink: dict[str, Any], mode: str) -> None:
    assert read_section("telemetry", {"sinks": {"sink": sink}, "windows": {"mode": mode}}).windows.mode == mode
