from typing import Any

import pytest

from storeflow.contract.twin_limits import MAX_SECTION_SIZE, problems, twin_size, validate_patch
from storeflow.errors import ConfigError


def nested(levels: int) -> dict[str, Any]:
    """An object with `levels` further objects inside one another."""
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"a": document}
    return document


@pytest.mark.parametrize(
    ("value", "size"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"ab": 1}, 2 + 8, id="a number is 8"),
        pytest.param({"ab": 1.5}, 2 + 8, id="a fraction is 8"),
        pytest.param({"ab": True}, 2 + 4, id="a boolean is 4"),
        pytest.param({"ab": "xyz"}, 2 + 3, id="a string is its characters"),
        pytest.param({"ü": "é\n"}, 1 + 1, id="control characters are free"),
        pytest.param({"a": [1, {"b": False}]}, 1 + 8 + 1 + 4, id="arrays and objects are sums"),
        pytest.param({"a": None}, 1, id="null weighs its key"),
        pytest.param({"a": 1, "$version": 7, "$metadata": {"x": "y"}}, 9, id="what the service adds is free"),
    ],
)
def test_size_is_counted_as_iot_hub_documents_it(value: Any, size: int) -> None:
    assert twin_size(value) == size


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"zones": {"till": {"polygon": [[0.1, 0.2], [0.3, 0.4]]}}}, id="a layout"),
        pytest.param({"gone": None}, id="null removes a key"),
        pytest.param({"n": 2**52 - 1, "m": -(2**52)}, id="the largest integers"),
        pytest.param({"s": "x" * 4096}, id="the longest string"),
        pytest.param({"k" * 1024: 1}, id="the longest key"),
        pytest.param(nested(10), id="the deepest object"),
        pytest.param({str(i): "x" * 4093 for i in range(8)}, id="nearly 32 KB"),
    ],
)
def test_what_iot_hub_accepts_has_no_problems(document: dict[str, Any]) -> None:
    assert problems(document) == []
    validate_patch(document)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({"a.b": 1}, "a.b: '.' in a key", id="dot"),
        pytest.param({"z": {"$b": 1}}, "z.$b: '$' in a key", id="dollar"),
        pytest.param({"a#": 1}, "a#: '#' in a key", id="hash"),
        pytest.param({"a b": 1}, "a b: ' ' in a key", id="space"),
        pytest.param({"a\x07": 1}, "in a key", id="control character"),
        pytest.param({"k" * 1025: 1}, "key of 1025 bytes", id="long key"),
        pytest.param({"s": "x" * 4097}, "s: string of 4097 bytes", id="long string"),
        pytest.param({"s": "ü" * 2049}, "s: string of 4098 bytes", id="bytes, not characters"),
        pytest.param({"n": 2**52}, f"n: {2**52} is outside", id="integer too large"),
        pytest.param({"n": -(2**52) - 1}, "is outside", id="integer too small"),
        pytest.param({"n": float("nan")}, "n: nan is not a JSON number", id="nan"),
        pytest.param({"l": [1, None]}, "l[1]: null inside an array", id="null in an array"),
        pytest.param({"l": [{"x": None}]}, "l[0].x: null inside an array", id="null deeper in an array"),
        pytest.param(nested(11), ".a: nested 11 levels deep", id="too deep"),
        pytest.param({"x": {1, 2}}, "x: set is not a JSON value", id="not JSON"),
        pytest.param([1], "(document): expected an object, got list", id="not an object"),
    ],
)
def test_each_problem_names_its_path_and_its_fact(document: Any, expected: str) -> None:
    found = problems(document)
    assert len(found) == 1
    assert expected in found[0]


def test_a_section_larger_than_32_kb_names_its_size() -> None:
    document = {f"k{i:02}": "x" * 1000 for i in range(33)}
    assert problems(document, "properties.desired")[-1].startswith(
        f"properties.desired: {33 * 1003} bytes, IoT Hub takes {MAX_SECTION_SIZE}"
    )


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        validate_patch({"a.b": 1, "l": [None], "s": "x" * 5000}, "desired")
    assert len(refused.value.problems) == 3
    assert all(problem.startswith("desired.") for problem in refused.value.problems)
