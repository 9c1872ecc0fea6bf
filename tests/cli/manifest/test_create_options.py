from typing import Any

import pytest

from storeflow.cli.manifest.create_options import MAX_CHUNK, MAX_CHUNKS, join, split
from storeflow.errors import ConfigError


@pytest.mark.parametrize("length", [0, 400, 1200, MAX_CHUNK * MAX_CHUNKS - 20])
def test_what_is_split_is_the_same_when_it_is_put_together(length: int) -> None:
    options = {"Env": ["x" * length]}
    chunks = split(options)
    assert max(map(len, chunks.values())) <= MAX_CHUNK
    assert join({"image": "a:1", **chunks}) == options
    assert list(chunks)[:2] == ["createOptions", "createOptions01"][: len(chunks)]


def test_what_edge_agent_would_cut_off_is_refused() -> None:
    with pytest.raises(ConfigError, match="createOptions: 4097 characters; edgeAgent takes 8 strings of 512"):
        split({"Env": ["x" * (MAX_CHUNK * MAX_CHUNKS - 11)]})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"createOptions": "{}", "createOptions02": "{}"}, "put in what is missing between them"),
        ({"createOptions": "{"}, "createOptions: no JSON: "),
        ({"createOptions": "[]"}, "createOptions: expected an object"),
        (
            {"createOptions": '{"HostConfig": {"Privileged": false, "Privileged": true}}'},
            "createOptions: Privileged is there twice in one object",
        ),
        ({"createOptions": {"HostConfig": []}}, "createOptions: expected an object"),
    ],
)
def test_what_is_no_object_is_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        join(settings)


def test_a_module_needs_no_create_options() -> None:
    assert join({"image": "a:1"}) == join({"createOptions": ""}) == {}
