from pathlib import Path
from typing import Any

import pytest

from storeflow.cli.count.misfits import misfits
from storeflow.contract.twins import read_section

LINE = {"start": [0.1, 0.5], "end": [0.9, 0.5]}
NOTHING = "the layout has no line, no zone and no queue: nothing will be counted"
RENDERED = "storeflow_nano sees rendered shoppers only; on real footage its counts mean nothing"
SEES = "the model sees {}: nothing will be counted there"


@pytest.mark.parametrize(
    ("lines", "model", "told"),
    [
        ({"door": LINE}, "person/rtmdet_nano", []),
        ({"gate": {**LINE, "object_class": "truck"}}, "vehicle/yolox_nano", []),
        ({"door": LINE}, "vehicle/yolox_nano", [f"the layout counts person (door), {SEES.format('vehicle')}"]),
        (
            {"door": LINE, "gate": {**LINE, "object_class": "car"}, "ramp": {**LINE, "object_class": "vehicle"}},
            "person/rtmdet_nano",
            [f"the layout counts car, vehicle (gate, ramp), {SEES.format('person')}"],
        ),
        ({}, "person/rtmdet_nano", [NOTHING]),
        ({"door": LINE}, "person/storeflow_nano", [RENDERED]),
    ],
)
def test_what_counts_nothing_is_told(lines: Any, model: str, told: list[str]) -> None:
    assert list(misfits(read_section("layout", {"lines": lines}), Path("models") / model)) == told
