import json

import pytest

from storeflow.errors import ConfigError
from storeflow.iot_hub.conditions import parse_condition
from storeflow.iot_hub.message import Message

BODY = {"count": 3, "name": "Till", "open": True, "gone": None, "zone": {"ids": ["a", "b"]}}
LONG = " OR ".join(["kind = 'line'"] * 60 + ["kind = 'zone'"])
JSON_TYPE = {"contentType": "application/json", "contentEncoding": "utf-8"}


def message(properties: dict[str, str], system: dict[str, str]) -> Message:
    system = {"connectionModuleId": "a", **system}
    return Message("/messages/modules/a/outputs/o", json.dumps(BODY).encode(), properties, system)


MESSAGE = message({"kind": "zone", "count": "7", "Mixed": "Case", "kind!": "odd"}, JSON_TYPE)


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ('kind = "zone"', True),
        ("kind = 'zone'", True),
        (LONG, True),
        ("(" * 60 + "kind = 'zone'" + ")" * 60, True),
        ("KIND = 'zone'", True),
        ("kind != 'zone'", False),
        ("kind <> 'line'", True),
        ("kind = 'Zone'", False),
        ("absent = 'x'", False),
        ("absent != 'x'", False),
        ("NOT (absent = 'x')", False),
        ("kind!='odd'", True),  # the longest token: a property named `kind!`, then `=`
        ("as_number(count) > 6.5", True),
        ("as_number(count) + 1 * 2 = 9", True),
        ("(as_number(count) + 1) * 2 = 16", True),
        ("as_number(count) % 4 = 3", True),
        ("as_number(count) / 0 = 1", False),
        ("as_number(kind) > 0", False),
        ("- as_number(count) = -7", True),
        ("kind = 'zone' AND as_number(count) = 1", False),
        ("kind = 'zone' and not (as_number(count) = 1)", True),
        ("kind = 'x' OR kind = 'zone'", True),
        ("kind = 'x' OR kind = 'y' OR count = '7'", True),
        ("kind = 'x' AND kind = 'y' OR count = '7'", True),
        ("kind = 'x' AND (kind = 'y' OR count = '7')", False),
        ("absent = 'x' OR kind = 'zone'", True),
        ("absent = 'x' AND kind = 'zone'", False),
        ("(absent ?? 'zone') = kind", True),
        ("kind || '-' || count = 'zone-7'", True),
        ("$connectionModuleId = 'a'", True),
        ("$contentType = 'application/json'", True),
        ("{$connectionModuleId} = 'a'", True),
        ("$body.count > 2", True),
        ("$body.count >= 3 AND $body.count <= 3", True),
        ("$body.count < 3", False),
        ("2 < $body.count", True),
        ("$body.count = '3'", False),
        ("$body.name = 'Till'", True),
        ("$body.open = true", True),
        ("$body.open", True),
        ("$body.zone.ids[1] = 'b'", True),
        ("$body.zone.ids[7] = 'b'", False),
        ("$body.zone = 'x'", False),
        ("is_null($body.gone)", True),
        ("is_null($body.nowhere)", True),
        ("is_defined(absent)", False),
        ("is_defined(kind)", True),
        ("is_string($body.name) AND is_number($body.count) AND is_bool($body.open)", True),
        ("length(kind) = 4", True),
        ("upper(kind) = 'ZONE' AND lower(Mixed) = 'case'", True),
        ("starts_with(kind, 'zo') AND ends_with(kind, 'ne') AND contains(kind, 'on')", True),
        ("substring(kind, 2) = 'ne'", True),
        ("concat(kind, count) = 'zone7'", True),
        ("abs(-2) = 2 AND square(3) = 9 AND power(2, 3) = 8 AND sqrt(9) = 3 AND sign(-4) = -1", True),
        ("ceiling(1.2) = 2 AND floor(1.8) = 1 AND exp(0) = 1", True),
        ("sqrt(-1) = 0", False),
        ("kind", False),
        (r"kind = 'zo\'ne'", False),
        ("undefined = undefined", False),
        ("true", True),
        ("false", False),
        ("null", False),
    ],
)
def test_conditions(condition: str, matches: bool) -> None:
    assert parse_condition(condition)(MESSAGE) is matches


@pytest.mark.parametrize(
    "system",
    [
        pytest.param({}, id="no type"),
        pytest.param({"contentType": "application/json"}, id="no encoding"),
        pytest.param({"contentType": "text/plain", "contentEncoding": "utf-8"}, id="another type"),
        pytest.param({"contentType": "application/json", "contentEncoding": "latin-1"}, id="another encoding"),
    ],
)
def test_the_body_of_a_message_that_does_not_say_it_is_json_is_undefined(system: dict[str, str]) -> None:
    assert not parse_condition("$body.count = 3")(message({}, system))
    assert not parse_condition("is_defined($body.count)")(message({}, system))


def test_an_application_property_hides_a_system_property_unless_braces_ask_for_it() -> None:
    hidden = message({"$connectionModuleId": "mine"}, {})
    assert parse_condition("$connectionModuleId = 'mine'")(hidden)
    assert parse_condition("{$connectionModuleId} = 'a'")(hidden)


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("count > 3", "use as_number"),
        ("kind = 3", "= takes a string here, got a number"),
        ("kind = true", "got a boolean"),
        ("kind AND true", "AND takes a boolean"),
        ("NOT kind", "NOT takes a boolean"),
        ("NOT kind = 'x'", "NOT takes a boolean"),
        ("kind + 1 = 2", r"\+ takes a number"),
        ("length(3) = 1", "length takes a string"),
        ("length() = 1", "takes 1 arguments, got 0"),
        ("length(kind kind) = 1", "expected ','"),
        ("frobnicate(kind)", "no function 'frobnicate'"),
        ("kind =", "the end"),
        ("(kind = 'x'", r"expected '\)'"),
        ("kind = 'x')", r"'\)' was not expected"),
        ("kind = 'x", '"\'x" was not expected'),
        ("absent ?? 'zone' = kind", "takes a string here, got a boolean"),
        ("kind ; x", "cannot read '; x'"),
        ("", "the end"),
        ("(" * 1500 + "kind = 'zone'" + ")" * 1500, "3003 words and signs; 250 at most"),
        ("NOT " * 1000 + "(kind = 'zone')", "1005 words and signs"),
        (" OR ".join(["a='b'"] * 400), "1599 words and signs"),
    ],
)
def test_a_condition_that_edge_hub_would_refuse_is_refused(condition: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_condition(condition)
