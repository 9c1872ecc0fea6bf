import pytest

from local_azure.edge_hub.target_conditions import parse_target_condition
from storeflow.errors import ConfigError

DEVICE = {
    "deviceId": "operator'sDevice",
    "tags": {"region": "north", "floor": 2, "open": True, "place": {"city": "Graz"}, "note": "a and b"},
}


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ("tags.region = 'north'", True),
        ("tags.region='north'", True),
        ("tags.region = 'North'", False),
        ("tags.region != 'south'", True),
        ("tags.region <> 'north'", False),
        ("tags.place.city = 'Graz'", True),
        ("tags.place = 'Graz'", False),
        ("tags.floor = 2", True),
        ("tags.floor = '2'", False),
        ("tags.floor >= 2 AND tags.floor < 2.5", True),
        ("tags.floor > -1", True),
        ("tags.open = true", True),
        ("tags.note = 'a and b'", True),
        ("deviceId = 'operator''sDevice'", True),
        ("deviceId != ''", True),
        ("tags.region = 'south' OR tags.floor = 2", True),
        ("tags.region = 'north' OR tags.floor = 2 AND tags.open = false", True),
        ("(tags.region = 'north' OR tags.floor = 2) AND tags.open = false", False),
        ("NOT tags.region = 'south' AND tags.open = true", True),
        ("not (tags.region = 'north' and tags.open = true)", False),
        ("tags.region IN ['south', 'north']", True),
        ("tags.region in ['south']", False),
        ("tags.region NIN ['south']", True),
        ("tags.floor NIN [1, 2]", False),
        ("is_defined(tags.region)", True),
        ("NOT is_defined(tags.shelf)", True),
        # What isn't there compares with nothing, and the opposite of no answer is no answer.
        ("tags.shelf = 'x'", False),
        ("tags.shelf != 'x'", False),
        ("NOT tags.shelf = 'x'", False),
        ("tags.shelf NIN ['x']", False),
        ("NOT tags.shelf IN ['x']", False),
        ("tags.shelf = 'x' OR tags.floor = 2", True),
        ("tags.shelf = 'x' AND tags.floor = 3", False),
        ("NOT (tags.shelf = 'x' AND tags.floor = 3)", True),
        ("NOT (tags.shelf = 'x' AND tags.floor = 2)", False),
        ("tags.region.more = 'x'", False),
        ("*", True),
        ("", False),
        ("  ", False),
    ],
)
def test_a_condition_asks_for_tags_and_the_device_id(condition: str, matches: bool) -> None:
    assert parse_target_condition(condition)(DEVICE) is matches


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ('tags.region = "north"', "cannot read '\"north\"'; quotes are single"),
        ("tags.region = 'north", 'cannot read "\'north"'),
        ("tags.region", "expected a comparison after tags.region, got 'the end'"),
        ("tags.region =", "expected 'text', a number, true or false, got 'the end'"),
        ("tags.region = north", "expected 'text', a number, true or false, got 'north'"),
        ("region = 'north'", "expected deviceId or tags.…, got 'region'"),
        ("tags. = 'north'", "expected deviceId or tags.…, got 'tags.'"),
        ("properties.reported.x = 1", "expected deviceId or tags.…"),
        ("'north' = tags.region", "expected deviceId or tags.…"),
        ("tags.a = 1 tags.b = 2", "expected 'the end', got 'tags.b'"),
        ("(tags.a = 1", r"expected '\)', got ''"),
        ("tags.a = 1 AND", "expected deviceId or tags.…, got 'the end'"),
        ("tags.a IN 'x'", r"expected '\['"),
        ("tags.a IN ['x'", r"expected '\]'"),
        ("tags.a IN []", "expected 'text'"),
        ("tags.a = 'x' NOT deviceId = 'y'", "expected 'the end', got 'NOT'"),
        ("NOT", "expected deviceId or tags.…, got 'the end'"),
        ("(" * 3000 + "deviceId = 'a'" + ")" * 3000, "is nested more than 32 deep"),
        ("NOT " * 3000 + "deviceId = 'a'", "is nested more than 32 deep"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused(condition: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"targetCondition: {problem}"):
        parse_target_condition(condition)


@pytest.mark.parametrize("deep", ["(" * 32 + "tags.floor = 2" + ")" * 32, "NOT " * 32 + "tags.floor = 2"])
def test_a_condition_may_be_nested_deeply(deep: str) -> None:
    assert parse_target_condition(deep)(DEVICE)
    assert parse_target_condition(" AND ".join([deep] * 50))(DEVICE), "side by side is not deep"
