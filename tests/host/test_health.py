import pytest

from storeflow.host.configuration import Acknowledgement, ConfigurationState, InForce
from storeflow.host.health import MAX_AWAY_SECONDS, Beats, not_alive, not_ready

GOOD: Acknowledgement = {"ac": 200, "av": 3, "ad": "in force"}
BAD: Acknowledgement = {"ac": 400, "av": 4, "ad": "layout.lines.door.end: is missing"}
READY = ConfigurationState(("layout",), 3, {"layout": InForce({}, 3)}, {"layout": GOOD})


@pytest.mark.parametrize(
    ("beats", "reasons"),
    [
        (Beats(loop=1.0, module=1.0, ended=None), []),
        (Beats(loop=1.0, module=9.0, ended=None), []),
        (Beats(loop=1.0, module=11.0, ended=None), ["the module has not come back from a call for 11 s"]),
        (Beats(loop=12.0, module=1.0, ended=None), ["the host's loop has stood still for 12 s"]),
        (Beats(loop=1.0, module=99.0, ended="KeyError"), ["the module has ended: KeyError"]),
    ],
)
def test_a_process_lives_while_its_loop_and_its_module_do(beats: Beats, reasons: list[str]) -> None:
    assert not_alive(beats, stall_seconds=10.0) == reasons


def test_a_module_whose_sections_are_in_force_and_whose_hub_is_there_is_ready() -> None:
    assert not_ready(READY, 0.0) == []


def test_a_section_that_is_refused_stops_nothing_while_its_last_good_one_works_on() -> None:
    assert not_ready(READY._replace(acknowledgements={"layout": BAD}), 0.0) == []


def test_a_section_that_is_refused_with_none_before_it_is_named_and_nothing_that_is_in_it() -> None:
    refused = ConfigurationState(("layout",), 4, {}, {"layout": BAD})
    assert not_ready(refused, 0.0) == ["layout: refused, and there is none before it; getConfig says why"]


def test_a_key_that_is_no_section_of_the_module_keeps_it_from_nothing() -> None:
    assert not_ready(READY._replace(acknowledgements={"layout": GOOD, "layuot": BAD}), 0.0) == []


def test_before_the_first_twin_and_the_first_connection_nothing_is_ready() -> None:
    assert not_ready(ConfigurationState(("layout",)), None) == [
        "the twin has not been read yet",
        "layout: not in force",
        "not connected to edgeHub yet",
    ]


def test_a_hub_may_be_away_for_a_while() -> None:
    assert not_ready(READY, MAX_AWAY_SECONDS - 1) == []
    assert not_ready(READY, MAX_AWAY_SECONDS + 1) == ["not connected to edgeHub for 121 s"]
