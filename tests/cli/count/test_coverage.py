from collections.abc import Sequence
from datetime import timedelta

import pytest

from storeflow.cli.count.coverage import shortfall
from storeflow.cli.count.summary import summarise
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraCoverage, instant
from storeflow.contract.twins import Layout


def windows(*pieces: tuple[float, float]) -> list[CloudEvent]:
    """Events of windows, each given by its last frame's time and the seconds observed."""
    return [
        CloudEvent.of(
            CameraCoverage(
                store_id="store",
                camera_id="door",
                captured_at=instant(at),
                window_start=instant(at // 900 * 900),
                window_end=instant(at // 900 * 900) + timedelta(seconds=900),
                observed_seconds=seen,
                frames_analysed=1,
                frames_missed=0,
                longest_gap_seconds=0,
            ),
            source="//hub/device/door",
            id=str(at),
            subject="door",
        )
        for at, seen in pieces
    ]


@pytest.mark.parametrize(
    ("events", "share"),
    [
        (windows((899.9, 900), (1_000, 100)), None),
        (windows((60, 59.95)), None),
        (windows((60, 59.9)), 0.998),
        (windows((899.9, 450), (1_000, 50)), 0.5),
        (windows((0, 0)), None),
        ([], None),
    ],
    ids=["all", "all but rounding", "a little less", "half", "one frame", "nothing"],
)
def test_a_summary_tells_of_coverage_only_where_it_falls_short(
    events: Sequence[CloudEvent], share: float | None
) -> None:
    assert shortfall(events, starts_at=0.0) == share
    summary = summarise(events, Layout(), starts_at=0.0, frames=1, model_version="m@1", config_version=1)
    assert summary.get("coverage") == share
