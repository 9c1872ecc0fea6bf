import json
import logging
from typing import Any

import pytest

from storeflow.errors import ConfigError
from storeflow.host.configuration import Acknowledgement, Configuration, InForce, changes, problems

LINE = {"start": [0.1, 0.5], "end": [0.9, 0.5]}


class _Owner:
    """What a module sees of its configuration."""

    def __init__(self) -> None:
        self.set: list[tuple[str, Any, int]] = []
        self.saved: list[tuple[str, Any, int]] = []
        self.refuses = False

    def configure(self, section: str, value: Any, version: int) -> None:
        if self.refuses:
            raise ConfigError([f"{section}: not here"])
        self.set.append((section, value, version))

    def save_section(self, name: str, document: Any, version: int) -> None:
        self.saved.append((name, document, version))


@pytest.fixture
def owner() -> _Owner:
    return _Owner()


@pytest.fixture
def configuration(owner: _Owner) -> Configuration:
    return Configuration(("layout",), owner.configure, owner.save_section)


def test_it_is_complete_when_every_section_has_a_value(configuration: Configuration) -> None:
    assert not configuration.complete
    configuration.apply({"$version": 1})
    assert configuration.complete


def test_a_bad_first_configuration_leaves_it_incomplete(configuration: Configuration, owner: _Owner) -> None:
    applied = configuration.apply({"$version": 4, "layout": {"lines": {"door": {"start": [0.1, 0.1]}}}})

    assert applied["layout"]["ac"] == 400
    assert "layout.lines.door.end" in applied["layout"]["ad"]
    assert not configuration.complete
    assert owner.set == owner.saved == []


def test_what_was_good_is_kept_as_it_was_written(configuration: Configuration, owner: _Owner) -> None:
    configuration.apply({"$version": 4, "layout": {"lines": {"door": LINE}}})

    assert owner.saved == [("layout", {"lines": {"door": LINE}}, 4)]
    assert owner.set[0][1].lines["door"].end.x == 0.9


def test_the_module_itself_may_refuse(configuration: Configuration, owner: _Owner) -> None:
    owner.refuses = True

    assert configuration.apply({"$version": 2})["layout"] == {"ac": 400, "av": 2, "ad": "layout: not here"}
    assert not configuration.complete


def test_a_kept_section_that_is_no_longer_good_is_not_restored(configuration: Configuration) -> None:
    configuration.restore("layout", {"written": "by another version"}, 3)

    assert not configuration.complete


def test_a_section_that_is_refused_again_for_the_same_reason_is_logged_once_and_taken_when_it_can_be(
    configuration: Configuration, owner: _Owner, caplog: pytest.LogCaptureFixture
) -> None:
    owner.refuses = True
    for _ in range(3):
        configuration.restore("layout", {}, 1)
        configuration.apply({"$version": 2})
    assert [record.message for record in caplog.records] == [
        "layout before the restart: is no longer good: layout: not here",
        "layout: version 2 is refused: layout: not here",
    ]

    owner.refuses = False
    assert configuration.apply({"$version": 2})["layout"]["ac"] == 200
    configuration.restore("layout", {"lines": {"door": LINE}}, 1)
    assert [version for _, _, version in owner.set] == [2], "what is in force is not set back"


def test_the_patch_of_reports_holds_what_changed_and_what_is_gone() -> None:
    good: Acknowledgement = {"ac": 200, "av": 1, "ad": ""}
    bad: Acknowledgement = {"ac": 400, "av": 2, "ad": "no"}

    reported = {"a": good, "b": good, "c": good, "d": "of another version", "$version": 7}
    assert changes(reported, {"a": good, "b": bad}) == {"b": bad, "c": None, "d": None}


def test_how_sections_stand_may_be_read_while_they_change(configuration: Configuration) -> None:
    before = configuration.state
    assert (before.sections, before.twin_version, before.in_force, before.refused) == (("layout",), None, {}, {})

    configuration.restore("layout", {"lines": {"door": LINE}}, 3)
    assert configuration.state.in_force == {"layout": InForce({"lines": {"door": LINE}}, 3)}
    assert configuration.state.twin_version is None, "what was restored is no twin"

    configuration.apply({"$version": 4, "layout": {"lines": 7}, "layuot": {}})
    assert configuration.state.in_force["layout"].version == 3
    assert configuration.state.twin_version == 4
    assert configuration.state.refused.keys() == {"layout", "layuot"}
    assert before.in_force == {}, "what was read stays as it was"


def test_the_log_says_that_a_refused_section_is_good_again(
    configuration: Configuration, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    good = {"lines": {"door": LINE}}
    for version, layout in ((2, good), (3, {"lnies": {}}), (4, good), (5, good), (6, {"lines": {}})):
        configuration.apply({"$version": version, "layout": layout})

    assert [record.message for record in caplog.records] == [
        "layout: version 2 is in force",
        "layout: version 3 is refused: layout.lnies: there is no such setting",
        "layout: in force again: version 4 says what version 2 said",
        "layout: version 6 is in force",
    ]


def test_a_key_that_is_no_section_is_logged_once_and_so_is_its_end(
    configuration: Configuration, caplog: pytest.LogCaptureFixture
) -> None:
    for version in (2, 3):
        configuration.apply({"$version": version, "$metadata": {}, "layout": {}, "layuot": {}})
    assert [record.message for record in caplog.records] == ["layuot: unknown section; there is layout"]

    caplog.clear()
    caplog.set_level("INFO")
    for version in (4, 5):
        configuration.apply({"$version": version, "layout": {}})
    assert [record.message for record in caplog.records] == ["layuot: is out of the twin"]


def test_half_a_character_is_refused_and_stops_nothing(
    configuration: Configuration, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "storeflow")  # pytest-xdist can pass on no report with half a character in it
    half = json.loads('"\\ud800"')
    acknowledgements = configuration.apply(
        {"$version": 2, "layout": {"lines": {half: {**LINE, "camera_id": half}}}, half: {}}
    )

    assert "layout.lines" in acknowledgements["layout"]["ad"]
    assert {one["ac"] for one in acknowledgements.values()} == {400}
    assert all(one["ad"].encode() for one in acknowledgements.values())


@pytest.mark.parametrize(
    ("desired", "facts"),
    [
        ({"layout": {"lines": {"door": LINE}}}, []),
        (
            {"layout": {"lines": {"a door": LINE}}},
            ["layout.lines.a door: ' ' in a key", "layout.lines.a door: an id has"],
        ),
        ({"layout": {"zones": {"queue": {"polygon": [[0, 0], [float("nan"), 0], [1, 1]]}}}}, ["nan is not a JSON"]),
        ({"layuot": {}}, ["layuot: unknown section; there is layout"]),
        ({"layout": {"lnies": {}}}, ["layout.lnies: there is no such setting"]),
        ([], ["expected an object, got list"]),
    ],
)
@pytest.mark.parametrize("path", ["", "zone_analytics"])
def test_a_document_is_judged_by_iot_hubs_limits_and_by_its_model(desired: Any, facts: list[str], path: str) -> None:
    found = problems(desired, ("layout",), path)
    assert bool(found) == bool(facts)
    for fact in facts:
        assert any(fact in one for one in found), found
    assert all(one.startswith(path) for one in found)


def test_what_is_nested_too_deeply_to_be_read_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    (problem,) = problems({"layout": deep}, ("layout",))
    assert problem.startswith("(document): nested far deeper than the 10 levels")
