"""The direct method `testCamera` against a real RTSP server, beside a capture that runs."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storeflow.errors import ContractError

PASSWORD = "p@ss: w/rd#1%"  # noqa: S105 - of a server that lives for one test
Serve = Callable[..., Any]
"""Gives a `RtspServer` of conftest.py; `shop` is its `Shop`, `clock` its `Clock`."""


def asked_about(shop: Any, payload: dict[str, Any]) -> dict[str, Any]:
    status, told = shop.module.methods["testCamera"](payload)
    assert status == 200
    assert isinstance(told, dict)
    return told


def test_a_camera_is_looked_at_while_it_is_captured_and_the_capture_notices_nothing(serve: Serve, shop: Any) -> None:
    server = serve(door="h264")
    shop.configure(door={"url": server.url("door")})
    shop.wait_for("door", "streaming")
    first = shop.frame("door").sequence
    told = asked_about(shop, {"camera_id": "door"})
    assert (told["state"], told["width"], told["height"], told["codec"]) == ("streaming", 320, 240, "h264")
    assert told["changes"] is True
    assert 15 < told["fps"] < 35, "the server shows 25 a second"
    assert 0.2 < told["brightness"] < 0.9
    assert told["clock_offset_ms"] == 0
    assert shop.frame("door").sequence > first
    shop.attend()
    assert shop.told("door") == [("streaming", None)]


def test_a_camera_whose_clock_is_wrong_is_found_out(serve: Serve, shop: Any, clock: Any) -> None:
    server = serve(door="h264")
    clock.wrong_by = -3600.0  # to this device, the camera is an hour ahead
    told = asked_about(shop, {"camera": {"url": server.url("door")}})
    assert abs(told["camera_clock_offset_ms"] - 3_600_000) < 2000
    assert told["clock_offset_ms"] == 0, "its times are the device's"


@pytest.mark.parametrize(
    ("secret", "reason", "told"),
    [
        (None, "credentials", "secret door is missing"),
        ("admin:wrong", "credentials", "refuses the user name or password of secret door"),
        (f"admin:{PASSWORD}", None, None),
    ],
)
def test_a_password_is_tried_and_never_told(
    serve: Serve,
    shop: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    *,
    secret: str | None,
    reason: str | None,
    told: str | None,
) -> None:
    server = serve(door="walk", more={"accounts": {"admin": PASSWORD}, "scheme": "digest"})
    shop.configure(door={"url": server.url("nowhere"), "credentials_ref": "door"})
    if secret is not None:
        (tmp_path / "secrets" / "door").write_text(secret)
    with caplog.at_level(logging.DEBUG):
        answer = asked_about(shop, {"camera": {"url": server.url("door"), "credentials_ref": "door"}})
    assert answer["state"] == ("failed" if reason else "streaming")
    assert answer.get("reason") == reason
    assert (told or "") in answer.get("detail", "")
    for word in (PASSWORD, "admin:", "w/rd", "w%2Frd"):
        assert word not in str(answer) + caplog.text


def test_a_password_is_not_sent_to_another_port(serve: Serve, shop: Any, tmp_path: Path) -> None:
    ours, other = serve(door="walk"), serve(door="walk")
    (tmp_path / "secrets" / "door").write_text(f"admin:{PASSWORD}")
    shop.configure(door={"url": ours.url("door"), "credentials_ref": "door"})
    with pytest.raises(ContractError, match="put the camera into the twin first"):
        asked_about(shop, {"camera": {"url": other.url("door"), "credentials_ref": "door"}})
    assert asked_about(shop, {"camera": {"url": ours.url("door"), "credentials_ref": "door"}})["state"] == "streaming"


def test_a_camera_that_is_off_is_unreachable(serve: Serve, shop: Any) -> None:
    server = serve(door="walk")
    server.kill()
    answer = asked_about(shop, {"camera": {"url": server.url("door")}})
    assert (answer["state"], answer["reason"]) == ("failed", "unreachable")
    assert (
        answer["detail"]
        == f"127.0.0.1:{server.port} can't be reached: nothing listens there: check the port; is the camera on?"
    )


def test_a_camera_that_shows_nothing_of_the_shop_is_told_so(serve: Serve, shop: Any) -> None:
    server = serve(door="black", aisle="still")
    black = asked_about(shop, {"camera": {"url": server.url("door")}})
    assert (black["state"], black["reason"]) == ("failed", "black")
    still = asked_about(shop, {"camera": {"url": server.url("aisle")}})
    assert (still["state"], still["changes"]) == ("streaming", False)


def test_a_camera_that_freezes_is_answered_for_in_time(serve: Serve, shop: Any) -> None:
    server = serve(door="walk")
    server.freeze()
    started_at = time.monotonic()
    answer = asked_about(shop, {"camera": {"url": server.url("door")}})
    assert time.monotonic() - started_at < 9
    assert (answer["state"], answer["reason"]) == ("failed", "unreachable")
    server.thaw()
