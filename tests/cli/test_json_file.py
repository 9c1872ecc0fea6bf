import json
from typing import Any

import pytest

from storeflow.cli.json_file import json_text

LAYOUT: dict[str, Any] = {
    "zones": {"aisle": {"polygon": [[0.1, 0.2], [0.3, 0.4], [0.5, 1]], "min_dwell_seconds": 2}},
    "lines": {},
    "words": ["Café", None, True],
    "none": [],
}


def test_a_point_is_one_line_and_everything_else_is_indented() -> None:
    assert (
        json_text(LAYOUT)
        == """{
  "zones": {
    "aisle": {
      "polygon": [
        [0.1, 0.2],
        [0.3, 0.4],
        [0.5, 1]
      ],
      "min_dwell_seconds": 2
    }
  },
  "lines": {},
  "words": [
    "Café",
    null,
    true
  ],
  "none": []
}
"""
    )


@pytest.mark.parametrize("document", [LAYOUT, {}, [], [1, 2], [[]], "[ 1,  2 ]", {"a b": [{"c": [[]]}]}, 0.5, None])
def test_what_is_written_reads_the_same(document: Any) -> None:
    assert json.loads(json_text(document)) == document


def test_without_numbers_in_lists_it_is_what_python_writes() -> None:
    document = {"a": {"b": ["c", {"d": None}], "e": {}}, "f": "g"}
    assert json_text(document) == json.dumps(document, indent=2) + "\n"
