import pyarrow as pa
import pytest

from cloud_functions.lake.columns import ENVELOPE, REFINED_MODELS, columns_of, lists_of, silver_columns, strictest
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS

LEFT_OUT = {"specversion", "datacontenttype", "time", "data"}


def test_silver_has_a_column_for_each_field_of_every_event() -> None:
    columns = set(silver_columns().names)
    fields = {name for model in REFINED_MODELS.values() for name in model.model_fields}
    assert fields <= columns
    assert set(CloudEvent.model_fields) - LEFT_OUT == set(ENVELOPE) <= columns


def test_all_events_but_the_copies_in_another_services_words_are_refined() -> None:
    assert set(EVENT_MODELS) - set(REFINED_MODELS) == {"storeflow.spatial_analysis"}


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("captured_at", pa.timestamp("us", "UTC")),
        ("window_start", pa.timestamp("us", "UTC")),
        ("config_version", pa.int64()),
        ("dwell_seconds", pa.float64()),
        ("longest_wait_seconds", pa.float64()),
        ("clock_offset_ms", pa.int64()),
        ("staff", pa.bool_()),
        ("direction", pa.string()),
        ("censored", pa.string()),
        ("crossing_ids", pa.string()),
        ("position", pa.string()),
    ],
)
def test_a_column_has_the_type_of_its_field(column: str, kind: pa.DataType) -> None:
    assert silver_columns().field(column).type == kind


@pytest.mark.parametrize(
    ("column", "privacy"),
    [
        ("store_id", "none"),
        ("track_id", "pseudonymous"),
        ("id", "pseudonymous"),
        ("position", "personal"),
        ("event_date", "none"),
        ("bronze_file", "none"),
    ],
)
def test_a_column_has_the_privacy_class_of_its_field(column: str, privacy: str) -> None:
    assert silver_columns().field(column).metadata == {b"x-privacy": privacy.encode()}


def test_a_column_of_several_events_is_of_the_strictest_class_that_one_of_them_gives_it() -> None:
    classes = ["none", "pseudonymous", "personal"]
    for model in REFINED_MODELS.values():
        for name, field in model.model_json_schema()["properties"].items():
            of_column = silver_columns().field(name).metadata[b"x-privacy"].decode()
            assert classes.index(of_column) >= classes.index(field["x-privacy"])
    given = [model.model_json_schema()["properties"]["captured_at"]["x-privacy"] for model in REFINED_MODELS.values()]
    assert {"none", "personal"} <= set(given)
    assert silver_columns().field("captured_at").metadata == {b"x-privacy": b"personal"}


def test_personal_is_stricter_than_pseudonymous_and_that_than_none() -> None:
    assert strictest("pseudonymous", "personal", "none") == "personal"
    assert strictest("none", "pseudonymous") == "pseudonymous"


def test_rows_of_a_type_have_the_columns_of_its_fields_and_those_that_all_have() -> None:
    names = columns_of("storeflow.zone.exited").names
    assert {"dwell_seconds", "source", "place", "event_date"} < set(names)
    assert "line_id" not in names


def test_lists_are_kept_as_their_json_text() -> None:
    assert lists_of("storeflow.line.crossed") == ("position",)
    assert lists_of("storeflow.person.recognised") == ("crossing_ids",)
    assert lists_of("storeflow.zone.exited") == ()
