import logging
import os
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from modules.video_capture import picture_health
from storeflow.contract.messages import StreamEnded
from storeflow.errors import SourceError
from storeflow.frames.frame import Frame
from storeflow.frames.ring_reader import FrameReader

PASSWORD = "p@ss: w/rd#1%"  # noqa: S105 - of a server that lives for one test
News = TypeVar("News", Frame, StreamEnded)
Serve = Callable[..., Any]
"""Gives a `RtspServer` of conftest.py; `shop` is its `Shop`."""


def next_of(reader: FrameReader, kind: type[News]) -> News:
    """The next frame, or the next end of a stream; what comes before it is passed over."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if isinstance(news := reader.receive(1.0), kind):
            return news
    raise AssertionError(f"no {kind.__name__}")


def cpu_seconds(thread_name: str) -> float:
    """What the threads of that name have used of a processor so far."""
    used = 0
    for task in Path("/proc/self/task").iterdir():
        if (task / "comm").read_text().strip() == thread_name[:15]:
            user, system = (task / "stat").read_text().rpartition(")")[2].split()[11:13]
            used += int(user) + int(system)
    return used / os.sysconf("SC_CLK_TCK")


def test_a_live_camera_is_dated_as_its_pictures_come(serve: Serve, shop: Any) -> None:
    server = serve(door="h264")
    shop.configure(door={"url": server.url("door")})
    streaming = shop.wait_for("door", "streaming")
    assert streaming.detail == "320 x 240 pixels"
    assert streaming.clock_offset_ms == 0
    frames = [(frame.sequence, frame.captured_at) for frame in (shop.frame("door") for _ in range(20))]
    now = time.time()
    times = [captured_at for _, captured_at in frames]
    assert times == sorted(set(times))
    assert [sequence for sequence, _ in frames] == sorted({sequence for sequence, _ in frames})
    assert now - 10 < times[-1] <= now
    # At most ten a second, on average, whatever the camera sends.
    assert frames[-1][0] - frames[0][0] <= (times[-1] - times[0]) * 10 + 1


def test_a_server_that_dies_and_comes_back_is_watched_again(serve: Serve, shop: Any) -> None:
    server = serve(door="walk")
    shop.configure(door={"url": server.url("door")})
    shop.wait_for("door", "streaming")
    while (before := shop.frame("door")).sequence < 15:
        pass
    sequence, captured_at = before.sequence, before.captured_at
    server.kill()
    assert "closed the connection" in shop.wait_for("door", "failed", "no_frames").detail
    told = shop.wait_for("door", "failed", "unreachable")
    refused = "can't be reached: nothing listens there: check the port; is the camera on?"
    assert told.detail == f"127.0.0.1:{server.port} {refused}"
    assert shop.attend(3.0) == []  # one event for each change, not for each retry
    server.start()
    again = shop.wait_for("door", "streaming")
    assert again.captured_at > told.captured_at
    after = shop.frame("door")
    assert after.sequence > sequence
    assert after.captured_at > captured_at
    assert shop.told("door") == [
        ("streaming", None),
        ("failed", "no_frames"),
        ("failed", "unreachable"),
        ("streaming", None),
    ]


def test_a_server_that_stands_still_is_told_and_watched_again_when_it_goes_on(serve: Serve, shop: Any) -> None:
    server = serve(door="h264")
    shop.configure(door={"url": server.url("door")})
    shop.wait_for("door", "streaming")
    server.freeze()
    assert shop.wait_for("door", "failed", "no_frames").detail.endswith("has sent nothing for 3 s")
    server.thaw()
    shop.wait_for("door", "streaming")
    last = shop.frame("door").captured_at
    assert shop.frame("door").captured_at > last


def test_a_slow_camera_is_no_dead_one(serve: Serve, shop: Any) -> None:
    server = serve(door="walk")
    server.show("door", rate=2)
    shop.configure(door={"url": server.url("door")})
    times = [shop.frame("door").captured_at for _ in range(8)]
    assert sorted(later - earlier for earlier, later in pairwise(times))[4] > 0.3
    shop.attend()
    assert shop.told("door") == [("streaming", None)]


def test_a_picture_that_stands_still_has_failed_until_it_moves_again(serve: Serve, shop: Any) -> None:
    server = serve(door="walk")
    shop.configure(door={"url": server.url("door"), "freeze_seconds": 2})
    shop.wait_for("door", "streaming")
    server.show("door", film="still")
    assert "has not changed in the least for 2 s" in shop.wait_for("door", "failed", "frozen").detail
    assert shop.attend(3.0) == []  # the connection works, and yet it does not stream
    server.show("door", film="walk")
    shop.wait_for("door", "streaming")
    assert shop.frame("door").captured_at > 0


def test_a_black_picture_has_failed_until_there_is_light(
    serve: Serve, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_health, "BLACK_SECONDS", 2.0)
    server = serve(door="walk")
    shop.configure(door={"url": server.url("door")})
    shop.wait_for("door", "streaming")
    server.show("door", film="black")
    assert "black" in shop.wait_for("door", "failed", "black").detail
    server.show("door", film="walk")
    shop.wait_for("door", "streaming")


@pytest.mark.parametrize(("film", "other"), [("h264", "h264 small"), ("walk", "small")])
def test_frames_of_another_size_keep_flowing(serve: Serve, shop: Any, film: str, other: str) -> None:
    server = serve(door=film)
    shop.configure(door={"url": server.url("door"), "region": [0, 0, 0.5, 1]})
    while shop.frame("door").i420.shape != (360, 160):
        pass
    server.show("door", film=other)
    while (frame := shop.frame("door")).i420.shape != (180, 80):
        assert frame.i420.shape == (360, 160)
    assert (frame.full_width, frame.full_height) == (160, 120)
    shop.attend()
    assert shop.told("door") == [("streaming", None)]


@pytest.mark.parametrize("scheme", ["digest", "basic"])
def test_a_wrong_password_is_reported_and_a_right_one_taken_up(
    serve: Serve, shop: Any, tmp_path: Path, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = tmp_path / "secrets" / "door-camera"
    server = serve(door="walk", more={"accounts": {"admin": PASSWORD}, "scheme": scheme})
    url = server.url("door")
    shop.configure(door={"url": url, "credentials_ref": "door-camera"}, open={"url": url})
    missing = shop.wait_for("door", "failed", "credentials")
    assert missing.detail == f"secret door-camera is missing: put user:password into {secret}"
    secret.write_text("admin:swordfish\n")
    refused = shop.wait_for("door", "failed", "credentials").detail
    assert refused == f"127.0.0.1:{server.port} refuses the user name or password of secret door-camera"
    secret.write_text(f"admin:{PASSWORD}\n")
    shop.wait_for("door", "streaming")
    wanted = [one.detail for one in shop.states if one.camera_id == "open"]
    assert wanted == [f"127.0.0.1:{server.port} wants a user name and password: name a secret in credentials_ref"]
    processes = b"".join(path.read_bytes() for path in Path("/proc/self").glob("task/*/cmdline"))
    everything = f"{caplog.text}{shop.states}{processes!r}{shop.module.metrics()}"
    for piece in (PASSWORD, "swordfish", "w/rd", "w%2Frd", "admin"):
        assert piece not in everything


def test_no_error_leads_to_the_password(serve: Serve, shop: Any, tmp_path: Path) -> None:
    (tmp_path / "secrets" / "door").write_text(f"admin:{PASSWORD[::-1]}")
    server = serve(door="walk", more={"accounts": {"admin": PASSWORD}, "scheme": "digest"})
    for address in (server.url("door"), server.url("nowhere"), "rtsp://127.0.0.1:1/door"):
        shop.configure(door={"url": address, "credentials_ref": "door"})
        with pytest.raises(SourceError) as caught:
            next(shop.module.frames("door"))
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        told = "".join(traceback.format_exception(caught.value))
        assert quote(PASSWORD[::-1], safe="") not in told
        assert "admin" not in told


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """A camera's certificate, and the same with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    public, both = folder / f"{name}.pem", folder / f"{name}-and-key.pem"
    public.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    return public, both


def test_rtsps_encrypts_and_holds_a_camera_to_the_certificate_beside_its_secret(
    serve: Serve, shop: Any, tmp_path: Path
) -> None:
    own, with_key = self_signed(tmp_path, "own")
    strange, _ = self_signed(tmp_path, "strange")
    more = {"accounts": {"admin": PASSWORD}, "scheme": "digest", "certificate": str(with_key)}
    server = serve(door="walk", more=more)
    secrets = tmp_path / "secrets"
    (secrets / "door").write_text(f"admin:{PASSWORD}")
    (secrets / "door.pem").write_bytes(strange.read_bytes())
    shop.configure(door={"url": server.url("door"), "credentials_ref": "door"})
    assert "does its certificate fit" in shop.wait_for("door", "failed", "credentials").detail
    (secrets / "door.pem").write_bytes(own.read_bytes())
    shop.wait_for("door", "streaming")
    (secrets / "door.pem").unlink()
    assert next(shop.module.frames("door")).full_width == 320


def test_a_stream_that_is_not_there_is_told_from_a_camera_that_is_not_there(serve: Serve, shop: Any) -> None:
    server = serve(door="walk")
    shop.configure(yard={"url": server.url("yard")})
    assert "no such stream: fix the path in url" in shop.wait_for("yard", "failed", "unreadable").detail


def test_dead_cameras_cost_the_others_nothing(serve: Serve, shop: Any) -> None:
    server, silent = serve(door="walk"), serve(hall="walk")
    silent.freeze()
    started = time.monotonic()
    shop.configure(
        door={"url": server.url("door")},
        hall={"url": silent.url("hall")},
        yard={"url": "rtsp://127.0.0.1:1/yard"},
    )
    shop.wait_for("hall", "failed", "unreachable")
    assert ("failed", "unreachable") in shop.told("yard")
    first = shop.frame("door")
    sequence, captured_at = first.sequence, first.captured_at
    while (frame := shop.frame("door")).captured_at < captured_at + 3:
        pass
    # Every frame that was to be looked at has been published: none was late by more than the next one.
    assert frame.sequence - sequence >= 25
    assert shop.told("door") == [("streaming", None)]
    took = time.monotonic() - started
    assert cpu_seconds("camera hall") + cpu_seconds("camera yard") < 0.05 * took


def test_a_clock_that_is_set_back_a_little_moves_no_time_back(serve: Serve, shop: Any, clock: Any) -> None:
    server = serve(door="walk")
    shop.configure(door={"url": server.url("door")})
    shop.wait_for("door", "streaming")
    last = shop.frame("door").captured_at
    clock.wrong_by = -30.0
    told = shop.wait_for("door", "streaming")
    assert told.detail == "320 x 240 pixels; this device's clock was set"
    assert told.clock_offset_ms == pytest.approx(30_000, abs=1000)
    for _ in range(20):
        captured_at = shop.frame("door").captured_at
        assert last < captured_at < last + 10
        last = captured_at
    ahead = shop.module.metrics()["camera_clock_ahead_seconds/door"]
    assert 25 < ahead < told.clock_offset_ms / 1000 - 0.05, "it catches up, and the metric tells it"
    # Times go on when settings change, too.
    shop.configure(door={"url": server.url("door"), "fps": 5})
    assert shop.wait_for("door", "streaming").captured_at.timestamp() > captured_at


def test_a_clock_that_is_set_far_is_followed_in_a_stream_of_its_own(
    serve: Serve, shop: Any, clock: Any, tmp_path: Path
) -> None:
    server = serve(door="walk")
    shop.configure(door={"url": server.url("door")})
    shop.wait_for("door", "streaming")
    with closing(FrameReader(tmp_path / "channels" / "frames" / "door.sock")) as reader:
        last = next_of(reader, Frame)
        clock.wrong_by = -86_400.0
        ended = next_of(reader, StreamEnded)
        assert ended.reason.startswith("this device's clock was set back, by 86400 s")
        assert ended.captured_at >= last.captured_at
        first = next_of(reader, Frame)
        assert first.sequence > ended.sequence
        assert first.captured_at == pytest.approx(ended.captured_at - 86_400, abs=10)
    told = shop.wait_for("door", "streaming")
    assert (told.detail, told.clock_offset_ms) == ("320 x 240 pixels; this device's clock was set", 0)
    assert told.captured_at.timestamp() == pytest.approx(first.captured_at, abs=0.001)
    clock.wrong_by = 3_600.0
    told = shop.wait_for("door", "streaming")
    assert told.clock_offset_ms == 0
    assert told.captured_at.timestamp() == pytest.approx(time.time() + 3_600, abs=10)
    assert shop.told("door") == [("streaming", None)] * 3, "it never was said to have failed"


def test_a_picture_that_stands_still_is_found_out_though_the_clock_goes_back(
    serve: Serve, shop: Any, clock: Any
) -> None:
    server = serve(door="still")
    shop.configure(door={"url": server.url("door"), "freeze_seconds": 3})
    shop.wait_for("door", "streaming")
    clock.wrong_by = -86_400.0
    shop.wait_for("door", "failed", "frozen")


def test_a_camera_that_cannot_be_reached_is_taken_out_at_once(serve: Serve, shop: Any) -> None:
    server = serve(door="walk")
    server.freeze()
    shop.configure(door={"url": server.url("door")})
    shop.attend(0.5)
    started = time.monotonic()
    shop.configure()
    assert time.monotonic() - started < 3  # its time-out to open is longer
    assert "taken out" in shop.wait_for("door", "ended").detail
