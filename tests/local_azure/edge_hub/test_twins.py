import pytest

from local_azure.edge_hub.twins import Twin
from storeflow.errors import ConfigError

AT = "2026-11-20T09:00:00+00:00"


def test_versions_rise_with_every_accepted_change() -> None:
    twin = Twin()
    assert twin.patch_desired({"a": {"x": 1}}, AT) == {"a": {"x": 1}, "$version": 2}
    assert twin.replace_desired({"b": 1, "$version": 99}, AT) == {"a": None, "b": 1, "$version": 3}
    twin.patch_reported({"r": 1}, AT)
    assert twin.document() == {
        "desired": {"b": 1, "$version": 3},
        "reported": {"r": 1, "$version": 2},
    }


def test_a_refused_change_leaves_the_twin_as_it_was() -> None:
    twin = Twin(desired={f"k{i}": "x" * 1000 for i in range(30)})
    before = twin.document()
    for change in (twin.patch_desired, twin.replace_desired, twin.patch_reported):
        with pytest.raises(ConfigError):
            change({"a.b": 1}, AT)
    with pytest.raises(ConfigError, match=r"properties\.desired: \d+ bytes"):
        twin.patch_desired({f"more{i}": "x" * 1000 for i in range(4)}, AT)
    with pytest.raises(ConfigError, match="a patch of"):
        twin.patch_reported({"n": [0.123456789012345] * 2000}, AT)
    assert twin.document() == before


def test_a_version_counts_every_change_and_an_etag_those_of_the_service() -> None:
    twin = Twin()
    assert (twin.version, twin.etag) == (2, "AAAAAAAAAAE=")
    twin.patch_reported({"r": 1}, AT)
    assert (twin.version, twin.etag) == (3, "AAAAAAAAAAE=")
    twin.patch_desired({"a": 1}, AT)
    twin.change_tags({"t": 1}, replace=False)
    assert (twin.version, twin.etag) == (5, "AAAAAAAAAAM=")


def test_tags_are_merged_or_replaced_and_limited_to_8_kb() -> None:
    twin = Twin()
    twin.change_tags({"a": {"x": 1, "y": 2}}, replace=False)
    twin.change_tags({"a": {"x": None}}, replace=False)
    assert twin.tags == {"a": {"y": 2}}
    twin.change_tags({"b": 1, "gone": None}, replace=True)
    assert twin.tags == {"b": 1}
    for tags, problem in (
        ({"a.b": 1}, r"tags\.a\.b"),
        ({"b": "x" * 4000, "c": "x" * 4000, "d": "x" * 200}, "takes 8192"),
    ):
        with pytest.raises(ConfigError, match=problem):
            twin.change_tags(tags, replace=False)
    assert (twin.tags, twin.tag_changes) == ({"b": 1}, 3)


def test_metadata_tells_when_each_property_changed() -> None:
    twin = Twin()
    twin.patch_desired({"a": {"x": 1, "y": [1]}, "b": 1}, "2026-01-01")
    twin.patch_desired({"a": {"x": 2}, "b": None}, "2026-02-02")
    old, new = (
        {"$lastUpdated": "2026-01-01", "$lastUpdatedVersion": 2},
        {"$lastUpdated": "2026-02-02", "$lastUpdatedVersion": 3},
    )
    assert twin.desired_metadata == {**new, "a": {**new, "x": new, "y": old}}
    twin.patch_desired({"a": 1}, "2026-02-02")
    assert twin.desired_metadata["a"].keys() == old.keys()
    twin.replace_desired({"c": {"d": 1}}, "2026-03-03")
    stamp = {"$lastUpdated": "2026-03-03", "$lastUpdatedVersion": 5}
    assert twin.service_document()["desired"]["$metadata"] == {**stamp, "c": {**stamp, "d": stamp}}
    twin.patch_reported({"r": 1}, "2026-04-04")
    reported = {"$lastUpdated": "2026-04-04"}
    assert twin.service_document()["reported"]["$metadata"] == {**reported, "r": reported}
    assert "$metadata" not in twin.document()["desired"]
