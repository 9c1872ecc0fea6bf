from typing import Any

import pytest

from local_azure.edge_hub.deployments import (
    Deployment,
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
