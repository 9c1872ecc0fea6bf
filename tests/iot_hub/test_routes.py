from typing import Any

import pytest

from storeflow.errors import ConfigError
from storeflow.iot_hub.message import Message
from storeflow.iot_hub.routes import DEFAULT_PRIORITY, Endpoint, parse_route, parse_routes, select

UPSTREAM = Endpoint()
INPUT = Endpoint("b", "in1")


def sent(source: str, **properties: str) -> Message:
    return Message(source, b"", properties, {})


FROM_A = "/messages/modules/a/outputs/detections"


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("FROM /messages/* INTO $upstream", UPSTREAM),
        ("from /messages/* into $UPSTREAM", UPSTREAM),
        ("SELECT * FROM /messages/* INTO $upstream", UPSTREAM),
        ("  FROM /messages/*\n  WHERE kind = 'x'\n  INTO $upstream  ", UPSTREAM),
        ('FROM /* INTO BrokeredEndpoint("/modules/b/inputs/in1")', INPUT),
        ("FROM /* INTO brokeredendpoint('/modules/b/inputs/in1')", INPUT),
        ('FROM /* INTO BrokeredEndpoint ( "modules/b/inputs/in1/" )', INPUT),
        ("FROM /* WHERE kind = ' INTO ' INTO $upstream", UPSTREAM),
    ],
)
def test_a_route_is_read_with_its_sink(text: str, endpoint: Endpoint) -> None:
    route = parse_route("r", text)
    assert (route.endpoint, route.text) == (endpoint, text)
    assert (route.priority, route.time_to_live_seconds) == (DEFAULT_PRIORITY, 0)


@pytest.mark.parametrize(
    ("source", "matches"),
    [
        ("/*", True),
        ("/messages/*", True),
        ("/messages/modules/*", True),
        ("/messages/modules/a/*", True),
        ("/messages/modules/a/outputs/*", True),
        ("/messages/modules/a/outputs/detections", True),
        ("/messages/modules/a/outputs/detections/", True),
        ("/Messages/Modules/A/Outputs/Detections", True),
        ("/messages/modules/a/outputs/det", False),
        ("/messages/modules/a/outputs/other", False),
        ("/messages/modules/ab/*", False),
        ("/twinChangeNotifications/*", False),
    ],
)
def test_a_source_is_a_prefix_without_case(source: str, matches: bool) -> None:
    route = parse_route("r", f"FROM {source} INTO $upstream")
    assert (select([route], sent(FROM_A)) == [route]) is matches


def test_every_route_is_tried_and_each_endpoint_gets_one_copy_by_the_highest_priority() -> None:
    routes = parse_routes(
        {
            "last": "FROM /messages/* INTO $upstream",
            "mine": {"route": "FROM /messages/modules/a/* INTO $upstream", "priority": 3, "timeToLiveSecs": 60},
            "low": {"route": "FROM /messages/modules/a/* INTO $upstream", "priority": 9},
            "in1": 'FROM /messages/modules/a/* INTO BrokeredEndpoint("/modules/b/inputs/in1")',
            "in2": 'FROM /messages/modules/a/* INTO BrokeredEndpoint("/modules/b/inputs/in2")',
            "other": "FROM /messages/modules/c/* INTO $upstream",
            "never": "FROM /messages/* WHERE kind = 'y' INTO BrokeredEndpoint(\"/modules/c/inputs/in1\")",
            "removed": None,
        }
    )
    taken = select(routes, sent(FROM_A, kind="x"))
    assert {route.name for route in taken} == {"mine", "in1", "in2"}
    mine = next(route for route in taken if route.name == "mine")
    assert (mine.priority, mine.time_to_live_seconds) == (3, 60)
    assert select(routes, sent("/messages/modules/d/outputs/x")) == [routes[0]]
    assert select([], sent(FROM_A)) == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("FROM messages INTO $upstream", r"routes\.r: .* is not FROM"),
        ("FROM /messages/*", "is not FROM"),
        ("FROM /messages/* INTO nowhere", "is not FROM"),
        ("FROM /messages/* INTO $upstream $upstream", "is not FROM"),
        ("FROM /messages/* INTO $downstream", "only system endpoint is \\$upstream"),
        ('FROM /* INTO Queue("/modules/b/inputs/in1")', "only function is BrokeredEndpoint"),
        ('FROM /* INTO BrokeredEndpoint("/modules/b")', "expected /modules/<module>/inputs/<input>"),
        ('FROM /* INTO BrokeredEndpoint("//modules/b/inputs/in1")', "expected /modules/"),
        ("FROM /* WHERE kind = 3 INTO $upstream", r"routes\.r: WHERE: = takes a string"),
        (3, "expected text or"),
        ({"priority": 1}, "expected text or"),
        ({"route": "FROM /* INTO $upstream", "priority": 10}, r"routes\.r\.priority: 10 is outside 0-9"),
        ({"route": "FROM /* INTO $upstream", "priority": True}, "expected a whole number"),
        ({"route": "FROM /* INTO $upstream", "timeToLiveSecs": -1}, r"timeToLiveSecs: expected a whole"),
        ({"route": "FROM /* INTO $upstream", "ttl": 1}, r"routes\.r\.ttl: edgeHub knows no such field"),
    ],
)
def test_a_route_that_cannot_be_read_is_refused_with_its_name(spec: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_route("r", spec)


def test_all_bad_routes_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_routes({"a": "x", "b": "FROM /* INTO $upstream", "c": "y"})
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["routes.a", "routes.c"]
    with pytest.raises(ConfigError, match="expected an object"):
        parse_routes([])
