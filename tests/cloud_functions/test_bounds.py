"""What an event says fits its column, and so does the sum of very many."""

from itertools import product
from typing import Any

from cloud_functions.bounds import PLAUSIBLE
from cloud_functions.lake.columns import REFINED_MODELS

NEVER_ADDED = {"config_version", "revision", "side", "clock_offset_ms"}


def kinds(field: dict[str, Any]) -> set[str]:
    return {choice.get("type", "") for choice in field.get("anyOf", [field])}


def test_every_number_of_an_event_has_a_bound_or_is_none_that_anybody_adds_up() -> None:
    fields = [
        (name, field)
        for model in REFINED_MODELS.values()
        for name, field in model.model_json_schema()["properties"].items()
    ]
    numbers = {name for name, field in fields if kinds(field) & {"number", "integer"}}
    assert numbers == set(PLAUSIBLE) | NEVER_ADDED


def test_a_billion_of_the_greatest_are_a_number_of_64_bits() -> None:
    assert all(most * events < 2**63 for most, events in product(PLAUSIBLE.values(), [10**9]))
