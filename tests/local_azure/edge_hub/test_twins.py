from typing import Any

import pytest

from local_azure.edge_hub.twins import Twin, difference, merge
from storeflow.errors import ConfigError


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


def test_versions_rise_with_every_accepted_change() -> None:
    twin = Twin()
    assert twin.patch_desired({"a": {"x": 1}}) == {"a": {"x": 1}, "$version": 2}
    assert twin.replace_desired({"b": 1, "$version": 99}) == {"a": None, "b": 1, "$version": 3}
    twin.patch_reported({"r": 1})
    assert twin.document() == {
        "desired": {"b": 1, "$version": 3},
        "reported": {"r": 1, "$version": 2},
    }


def test_a_refused_change_leaves_the_twin_as_it_was() -> None:
    twin = Twin(desired={f"k{i}": "x" * 1000 for i in range(30)})
    before = twin.document()
    for change in (twin.patch_desired, twin.replace_desired, twin.patch_reported):
        with pytest.raises(ConfigError):
            change({"a.b": 1})
    with pytest.raises(ConfigError, match=r"properties\.desired: \d+ bytes"):
        twin.patch_desired({f"more{i}": "x" * 1000 for i in range(4)})
    with pytest.raises(ConfigError, match="a patch of"):
        twin.patch_reported({"n": [0.123456789012345] * 2000})
    assert twin.document() == before
