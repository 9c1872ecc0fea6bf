"""Cameras that are not there; those that are there need a server: tests/live."""

import pytest

from modules.video_capture.camera_error import CameraError
from modules.video_capture.live_time import LiveTime
from modules.video_capture.rtsp_source import RtspSource
from storeflow.contract.twins import Camera


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
@pytest.mark.parametrize(
    ("host", "detail"),
    [
        ("no-such-host.invalid", "can't be reached: no such host: check its name and the DNS"),
        ("127.0.0.1:1", "can't be reached: nothing listens there: check the port; is the camera on?"),
    ],
)
def test_a_camera_that_cannot_be_reached_is_reported_with_what_to_check(scheme: str, host: str, detail: str) -> None:
    source = RtspSource(Camera(url=f"{scheme}://{host}/1"), LiveTime(), lambda: 0.0, {})
    with pytest.raises(CameraError) as failed:
        next(source.pictures())
    assert (failed.value.reason, str(failed.value)) == ("unreachable", f"{host} {detail}")
