from typing import Any

import pytest

from storeflow.errors import ConfigError
from storeflow.iot_hub.deployments import desired_after, read_content

BASE = {"$edgeAgent": {"properties.desired": {}}, "m": {"properties.desired": {"a": 1}}}
LAYER = {"m": {"properties.desired.b": 2}}


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
