from typing import Any

import pytest

from storeflow.iot_hub.twin_documents import difference, merge, without_service_keys


@pytest.mark.parametrize(
    ("base", "patch", "merged"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": None, "z": 3}}, {"a": {"x": 1, "z": 3}}),
        ({"a": 1}, {"a": {"x": 1, "gone": None}}, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {"a": 1}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ],
)
def test_objects_merge_null_removes_and_everything_else_replaces(base: Any, patch: Any, merged: Any) -> None:
    before = repr(base)
    assert merge(base, patch) == merged
    assert repr(base) == before


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1, "b": 2}, {"a": 3}, {"a": 3, "b": None}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a": {"y": None}}),
        ({"a": {"x": 1}}, {"a": [1]}, {"a": [1]}),
        ({}, {"a": {"x": 1}}, {"a": {"x": 1}}),
    ],
)
def test_a_difference_is_the_patch_that_leads_from_one_document_to_the_other(
    before: Any, after: Any, patch: Any
) -> None:
    assert difference(before, after) == patch
    assert merge(before, patch) == after


def test_what_the_service_adds_is_left_out_and_nothing_else() -> None:
    section = {"layout": {"$version": 1}, "$version": 7, "$metadata": {"$lastUpdated": "2026-11-20"}, "$ours": 1}
    assert without_service_keys(section) == {"layout": {"$version": 1}, "$ours": 1}
