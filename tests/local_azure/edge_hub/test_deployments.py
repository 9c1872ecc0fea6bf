from typing import Any

import pytest

from local_azure.edge_hub.deployments import (
    Deployment,
    desired_after,
    read_content,
    read_deployment,
    stack,
    statuses,
)
from storeflow.errors import ConfigError

NORTH = {"deviceId": "store-1", "tags": {"region": "north"}}
BASE = {"$edgeAgent": {"properties.desired": {}}, "m": {"properties.desired": {"a": 1}}}
LAYER = {"m": {"properties.desired.b": 2}}


def deployment(name: str, content: Any, priority: int, created_at: str = "2026-01-01", target: str = "*") -> Deployment:
    return Deployment(name, content, target, priority, created_at=created_at)


@pytest.mark.parametrize(
    ("deployments", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([deployment("low", BASE, 1), deployment("high", BASE, 2)], ["high"], id="the highest base alone"),
        pytest.param(
            [deployment("new", BASE, 1, "2026-02-02"), deployment("old", BASE, 1, "2026-02-01")],
            ["new"],
            id="of equal bases the latest",
        ),
        pytest.param(
            [deployment("south", BASE, 9, target="tags.region = 'south'"), deployment("base", BASE, 1)],
            ["base"],
            id="not for this device",
        ),
        pytest.param(
            [
                deployment("c", LAYER, 5),
                deployment("base", BASE, 1),
                deployment("a", LAYER, 3),
                deployment("b", LAYER, 4),
            ],
            ["base", "a", "b", "c"],
            id="layers by priority",
        ),
        pytest.param(
            [deployment("later", LAYER, 5, "2026-02-02"), deployment("base", BASE, 1), deployment("sooner", LAYER, 5)],
            ["base", "sooner", "later"],
            id="of equal layers the latest last",
        ),
        pytest.param(
            [deployment("below", LAYER, 1), deployment("base", BASE, 2), deployment("beside", LAYER, 2)],
            ["base"],
            id="a layer must be above its base",
        ),
        pytest.param([deployment("layer", LAYER, 5)], [], id="no layer without a base"),
        pytest.param(
            [deployment("base", BASE, 1), deployment("layer", LAYER, 5, target="tags.region = 'south'")],
            ["base"],
            id="a layer for others",
        ),
    ],
)
def test_a_device_gets_one_base_and_the_layers_above_it(deployments: list[Deployment], expected: list[str]) -> None:
    assert [each.id for each in stack(deployments, NORTH)] == expected


@pytest.mark.parametrize(
    ("before", "contents", "after"),
    [
        pytest.param({"old": 1}, [{"properties.desired": {"a": 1}}], {"a": 1}, id="the base replaces"),
        pytest.param(
            {"old": 1},
            [{"properties.desired": {"a": {"x": 1, "y": 2}}}, {"properties.desired.a.x": 9}],
            {"a": {"x": 9, "y": 2}},
            id="a layer replaces at its path alone",
        ),
        pytest.param(
            {},
            [{"properties.desired": {"a": {"x": {"p": 1, "q": 2}}}}, {"properties.desired.a.x": {"p": 3}}],
            {"a": {"x": {"p": 3}}},
            id="a whole object at its path",
        ),
        pytest.param(
            {},
            [{"properties.desired": {"a": 1}}, {"properties.desired.b.c.d": [1]}],
            {"a": 1, "b": {"c": {"d": [1]}}},
            id="a path that was not there",
        ),
        pytest.param(
            {},
            [{"properties.desired": {"a": 1}}, {"properties.desired.a.x": 2}],
            {"a": {"x": 2}},
            id="a path through what was no object",
        ),
        pytest.param(
            {},
            [{"properties.desired": {"a": 1}}, {"properties.desired.b": 1}, {"properties.desired.b": 2}],
            {"a": 1, "b": 2},
            id="the last layer wins",
        ),
        pytest.param(
            {},
            [{"properties.desired": {"a": 1}}, {"properties.desired.b": 1}, {"properties.desired": {"c": 1}}],
            {"c": 1},
            id="a layer may replace everything",
        ),
        pytest.param(
            {},
            [{"properties.desired": {"a": {"x": 1, "y": 2}}}, {"properties.desired.a.x": None}],
            {"a": {"y": 2}},
            id="null removes",
        ),
        pytest.param({"old": 1}, [{"properties.desired.b": 2}], {"old": 1, "b": 2}, id="paths alone leave the rest"),
        pytest.param({"old": 1}, [{}], {"old": 1}, id="a module named with nothing"),
        pytest.param(
            {},
            [{"properties.desired.a": {"x": 1}, "properties.desired.a.y": 2}],
            {"a": {"x": 1, "y": 2}},
            id="of two paths in one layer the shorter first",
        ),
    ],
)
def test_a_modules_desired_properties_are_what_its_deployments_make_of_them(
    before: Any, contents: Any, after: Any
) -> None:
    untouched = repr((before, contents))
    assert desired_after(before, contents) == after
    assert repr((before, contents)) == untouched


def test_a_twin_tells_which_deployments_it_got() -> None:
    other = {"other": {"properties.desired.b": 2}}
    deployments = [
        deployment("base", BASE, 1),
        deployment("outranked", BASE, 0),
        deployment("layer", LAYER, 5),
        deployment("broken", other, 6),
        deployment("south", LAYER, 5, target="tags.region = 'south'"),
    ]
    applied, targeted = {"status": "Applied"}, {"status": "Targeted"}
    told = {
        name: statuses(deployments, NORTH, name, {"other"}.__contains__) for name in ("$edgeAgent", "m", "other", "x")
    }
    assert told == {
        "$edgeAgent": {"base": applied, "outranked": targeted, "layer": applied, "broken": targeted},
        "m": {"base": applied, "outranked": targeted, "layer": applied},
        "other": {"broken": targeted},
        "x": {},
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "content.modulesContent: expected an object"),
        ({"deviceContent": {"properties.desired.a": 1}}, "content.modulesContent: expected an object"),
        ({"modulesContent": {}}, "content.modulesContent: expected an object"),
        ({"modulesContent": {"m": 1}}, "m: expected an object, got 1"),
        ({"modulesContent": {"m": {"properties.desired": {}}}}, r"\$edgeAgent: missing"),
        ({"modulesContent": {**BASE, "m": {"desired": {}}}}, "m.desired: expected properties.desired or"),
        ({"modulesContent": {**BASE, "m": {"properties.desiredly": {}}}}, "m.properties.desiredly: expected"),
        ({"modulesContent": {"m": {"properties.desired.a..b": 1}}}, "expected properties.desired or"),
        ({"modulesContent": {"m": {"properties.desired.": 1}}}, "expected properties.desired or"),
        ({"modulesContent": {**BASE, "m": {"properties.desired": 1}}}, "properties.desired: expected an object"),
        ({"modulesContent": {"m": {"properties.desired.a": {"b c": 1}}}}, r"m.properties.desired.a.b c: ' ' in a key"),
        ({"modulesContent": {"m": {"properties.desired.a b": 1}}}, "' ' in a key"),
        ({"modulesContent": {"m": {"properties.desired.a": "x" * 5000}}}, "string of 5000 bytes"),
        ({"modulesContent": {"m": {"properties.desired." + ".".join("abcdefghijk"): {}}}}, "nested 11 levels deep"),
        (
            {"modulesContent": {"m": {"properties.desired.a": {f"k{i}": "x" * 1000 for i in range(33)}}}},
            "m.properties.desired: .* bytes, IoT Hub takes 32768",
        ),
    ],
)
def test_content_that_iot_hub_would_refuse_is_refused(content: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_content(content)


def test_content_is_taken_as_it_is() -> None:
    for modules in (BASE, LAYER, {**BASE, **LAYER}):
        assert read_content({"modulesContent": modules}) == modules


@pytest.mark.parametrize(
    ("name", "more", "problem"),
    [
        ("Upper", {}, "id: expected up to 128"),
        ("a/b", {}, "id: "),
        ("x" * 129, {}, "id: "),
        ("one", {"id": "two"}, "id: "),
        ("one", {"priority": -1}, "priority: expected a whole number from 0, got -1"),
        ("one", {"priority": "1"}, "priority: "),
        ("one", {"priority": True}, "priority: "),
        ("one", {"labels": {"a": 1}}, "labels: expected an object of texts"),
        ("one", {"labels": ["a"]}, "labels: "),
        ("one", {"targetCondition": 1}, "targetCondition: expected text, got 1"),
    ],
)
def test_a_deployment_that_iot_hub_would_refuse_is_refused(name: str, more: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_deployment(name, {"content": {"modulesContent": BASE}, **more}, "2026-01-01")


def test_a_deployment_is_shown_as_it_was_given_with_what_the_hub_adds() -> None:
    given = {
        "id": "winter",
        "labels": {"owner": "head office"},
        "targetCondition": "tags.region = 'north'",
        "priority": 7,
        "content": {"modulesContent": LAYER},
    }
    read = read_deployment("winter", given, "2026-01-01T00:00:00+00:00")
    shown = read.document()
    assert {key: shown[key] for key in given} == given
    assert shown.keys() - given.keys() == {"schemaVersion", "createdTimeUtc", "lastUpdatedTimeUtc", "etag"}
    assert (shown["etag"], shown["createdTimeUtc"]) == ("MQ==", "2026-01-01T00:00:00+00:00")
    newer = read_deployment("winter", {**given, "priority": 8, "content": {"modulesContent": BASE}}, "2026-02-02")
    changed = read.changed(newer, "2026-02-02")
    assert (changed.priority, changed.content, changed.etag) == (8, LAYER, "Mg==")
    assert (changed.created_at, changed.updated_at) == (read.created_at, "2026-02-02")
