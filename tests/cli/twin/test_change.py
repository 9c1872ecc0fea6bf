import json
from typing import Any

import pytest

from storeflow.cli.twin.change import SectionAck, after_refusal, describe_changes, section_acks


def test_every_difference_is_described_with_its_path() -> None:
    before = {"a": {"x": 1, "gone": {"deep": 1}}, "same": 1, "z": [1, 2], "type": 1}
    after = {"a": {"x": 2, "new": "text"}, "same": 1, "z": [1, 3], "type": {"now": None}}
    assert list(describe_changes(before, after)) == [
        "- a.gone.deep: 1",
        '+ a.new: "text"',
        "~ a.x: 1 -> 2",
        '~ type: 1 -> {"now": null}',
        "~ z: [1, 2] -> [1, 3]",
    ]
    assert list(describe_changes(after, after)) == []


def test_all_that_is_sent_is_shown_however_long_it_is() -> None:
    polygon = [[0.123, 0.456]] * 100
    zones = {"till": {"polygon": polygon, "min_dwell_seconds": 2}, "none": {}}
    shown = [
        "layout.zones.none: {}",
        "layout.zones.till.min_dwell_seconds: 2",
        f"layout.zones.till.polygon: {json.dumps(polygon)}",
    ]
    assert list(describe_changes({}, {"layout": {"zones": zones}})) == [f"+ {line}" for line in shown]
    assert list(describe_changes({"layout": {"zones": zones}}, {})) == [f"- {line}" for line in shown]


def accepted(version: int) -> dict[str, Any]:
    return {"ac": 200, "av": version, "ad": "in force"}


REFUSED = {"ac": 400, "av": 7, "ad": "layout.lines: no"}
LAYOUT_REFUSED = SectionAck("layout", accepted=False, version=7, reason="layout.lines: no")
LAYOUT_ACCEPTED = SectionAck("layout", accepted=True, version=7, reason="in force")


@pytest.mark.parametrize(
    ("module_id", "patch", "reported", "expected"),
    [
        pytest.param("m", {"layout": {}}, {}, None, id="nothing said yet"),
        pytest.param("m", {"layout": {}}, {"layout": accepted(6)}, None, id="said of an older version"),
        pytest.param("m", {"layout": {}}, {"layout": accepted(7)}, [LAYOUT_ACCEPTED], id="accepted"),
        pytest.param("m", {"layout": {}}, {"layout": REFUSED}, [LAYOUT_REFUSED], id="refused"),
        pytest.param("m", {"layout": {}, "more": {}}, {"layout": accepted(7)}, None, id="half of it said"),
        pytest.param("m", {"layout": {}}, {"layout": accepted(7), "more": accepted(2)}, [LAYOUT_ACCEPTED], id="others"),
        pytest.param("m", {"layout": None}, {"layout": accepted(7)}, [LAYOUT_ACCEPTED], id="back to defaults"),
        pytest.param("m", {"typo": None}, {"layout": accepted(7)}, [], id="an unknown section taken away"),
        pytest.param("m", {"typo": None}, {"typo": {**REFUSED, "av": 6}}, None, id="not yet taken note of"),
        pytest.param("m", {"layout": {}}, {"layout": "what"}, None, id="no answer as it should be"),
        pytest.param("$edgeHub", {"routes": {}}, {"lastDesiredVersion": 6}, None, id="the hub is behind"),
        pytest.param(
            "$edgeHub",
            {"routes": {}},
            {"lastDesiredVersion": 7, "lastDesiredStatus": {"code": 200, "description": ""}},
            [SectionAck("$edgeHub", accepted=True, version=7, reason="in force")],
            id="the hub takes it",
        ),
        pytest.param(
            "$edgeHub",
            {"routes": {}},
            {"lastDesiredVersion": 7, "lastDesiredStatus": {"code": 400, "description": "routes.x: no"}},
            [SectionAck("$edgeHub", accepted=False, version=7, reason="routes.x: no")],
            id="the hub refuses it",
        ),
    ],
)
def test_what_a_module_says_is_read_once_it_is_complete(
    module_id: str, patch: Any, reported: Any, expected: list[SectionAck] | None
) -> None:
    assert section_acks(module_id, patch, 7, reported) == expected


def test_an_answer_is_one_line() -> None:
    assert str(LAYOUT_REFUSED) == "layout: refused, version 7: layout.lines: no"
    assert str(LAYOUT_ACCEPTED) == "layout: accepted, version 7: in force"


@pytest.mark.parametrize(
    ("module_id", "reported", "works"),
    [
        ("m", {"layout": accepted(6)}, "version 6 works on"),
        ("m", {"layout": {**REFUSED, "av": 6}}, "what was in force before works on"),
        ("m", {}, "what was in force before works on"),
        ("m", {"layout": "what"}, "what was in force before works on"),
        ("$edgeHub", {"lastDesiredVersion": 6, "lastDesiredStatus": {"code": 200}}, "version 6 works on"),
        (
            "$edgeHub",
            {"lastDesiredVersion": 6, "lastDesiredStatus": {"code": 400}},
            "what was in force before works on",
        ),
        ("$edgeHub", {}, "what was in force before works on"),
    ],
)
def test_after_a_refusal_it_is_told_what_stays_and_what_to_do(
    module_id: str, reported: dict[str, Any], works: str
) -> None:
    line = after_refusal(LAYOUT_REFUSED, module_id, reported)
    assert line.startswith(f"layout: the twin still says this; {works}; put it back, or fix it, with ")
    assert f"`storeflow twin set {module_id} FILE`" in line
