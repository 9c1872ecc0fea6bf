from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.zone_analytics.checkpoint import Checkpoint, encode
from modules.zone_analytics.coverage import Coverage, Window
from storeflow.cli.demo.at_rest import OWNERS, waits_for
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, instant
from storeflow.host.module import Output
from storeflow.host.outbox import FILE_NAME, Outbox

CAMERA = "entrance"


def camera_state(state: Any) -> CloudEvent:
    data = CameraState(store_id="s", camera_id=CAMERA, captured_at=instant(1.0), state=state, detail="")
    return CloudEvent.of(data, source="//h/d/c/state", id=state, subject=CAMERA)


def checkpoint(window: Window | None) -> bytes:
    return encode(Checkpoint(coverage=[Coverage(CAMERA, window, at=7.0)]))


ENDED, STREAMS = [camera_state("streaming"), camera_state("ended")], [camera_state("streaming")]
LOOKING, DONE, NEVER_LOOKED = checkpoint(Window(0.0)), checkpoint(None), encode(Checkpoint())


@pytest.mark.parametrize(
    ("events", "state", "holder", "waits"),
    [
        (STREAMS, DONE, "", "the clip has not ended"),
        (ENDED, LOOKING, "", "zone_analytics has not come to the clip's end"),
        (ENDED, NEVER_LOOKED, "", "zone_analytics has not come to the clip's end"),
        (ENDED, DONE, "video_capture", "1 event in the outbox of video_capture"),
        (ENDED, DONE, "zone_analytics", "1 event in the outbox of zone_analytics"),
        (ENDED, DONE, "upstream_router", "1 event in the outbox of upstream_router"),
        (ENDED, DONE, "", None),
    ],
)
def test_a_run_is_over_when_the_clip_ended_for_the_decider_and_no_outbox_holds_an_event(
    events: list[CloudEvent],
    state: bytes,
    holder: str,
    waits: str | None,
    *,
    tmp_path: Path,
    crossing: Callable[..., Any],
    events_of: Callable[..., Any],
) -> None:
    for module_id in OWNERS:
        outbox = Outbox(tmp_path / module_id / FILE_NAME)
        outputs = [Output("events", one) for one in events_of(crossing(1.0, "in"))] if module_id == holder else []
        outbox.commit(outputs, state if module_id == "zone_analytics" else None, 1.0)
        outbox.close()
    assert waits_for(tmp_path, CAMERA, events) == waits


def test_before_a_module_has_an_outbox_the_run_is_not_over(tmp_path: Path) -> None:
    assert waits_for(tmp_path, CAMERA, []) == "the clip has not ended"
    assert waits_for(tmp_path, CAMERA, ENDED) == "zone_analytics has not come to the clip's end"
