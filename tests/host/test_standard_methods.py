from storeflow.host.configuration import Acknowledgement, ConfigurationState, InForce
from storeflow.host.standard_methods import config_document


def test_the_configuration_is_answered_as_it_is_in_force_and_as_it_was_last_reported() -> None:
    good: Acknowledgement = {"ac": 200, "av": 7, "ad": "in force"}
    bad: Acknowledgement = {"ac": 400, "av": 7, "ad": "layout: no"}
    state = ConfigurationState(
        ("cameras", "layout", "models"),
        7,
        {"cameras": InForce({"door": {}}, 5), "layout": InForce({"zones": {}}, 3)},
        {"cameras": good, "layout": bad, "models": bad, "layuot": bad},
    )
    assert config_document(state) == {
        "twin_version": 7,
        "sections": {
            "cameras": {"in_force": {"door": {}}, "version": 5, "state": good},
            "layout": {"in_force": {"zones": {}}, "version": 3, "state": bad},
            "models": {"in_force": None, "version": None, "state": bad},
        },
        "refused": {"layout": "layout: no", "models": "layout: no", "layuot": "layout: no"},
    }
