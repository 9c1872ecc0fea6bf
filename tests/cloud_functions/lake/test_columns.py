import pyarrow as pa
import pytest

from cloud_functions.lake.columns import ENVELOPE, REFINED_MODELS, lists_of, silver_columns
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


def test_lists_are_kept_as_their_json_text() -> None:
    assert lists_of("storeflow.line.crossed") == ("position",)
    assert lists_of("storeflow.person.recognised") == ("crossing_ids",)
    assert lists_of("storeflow.zone.exited") == ()
