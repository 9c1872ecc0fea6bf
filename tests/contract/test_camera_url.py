import pytest

from storeflow.contract import camera_url
from storeflow.contract.twins import read_section
from storeflow.errors import ConfigError


@pytest.mark.parametrize(
    "url",
    [
        "file:clip.mp4",
        "file:north/door 2.mp4",
        "file:100%.webm",
        "pattern:walker",
        "rtsp://camera/1",
        "rtsp://10.0.0.7:8554/Streaming/Channels/101?transportmode=unicast",
        "rtsps://[fe80::1]:322/door",
    ],
)
def test_clips_of_the_media_folder_known_patterns_and_cameras_are_taken(url: str) -> None:
    assert camera_url.fault(url) is None


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("file:/etc/passwd", "leads out of the media folder"),
        ("file:///etc/passwd", "leads out of the media folder"),
        ("file://host/clip.mp4", "leads out of the media folder"),
        ("file:../clip.mp4", "leads out of the media folder"),
        ("file:north/../../clip.mp4", "leads out of the media folder"),
        ("file:", "wants the name"),
        ("file:.", "wants the name"),
        ("file:clip\x00.mp4", "wants the name"),
        ("pattern:unicorn", "only walker"),
        ("http://camera/1", "begins with none of rtsp:, rtsps:, file:, pattern:"),
        ("rtsp:camera/1", "wants rtsp://host/path"),
        ("rtsp:///1", "wants rtsp://host/path"),
        ("rtsp://camera:0/1", "wants rtsp://host/path"),
        ("rtsp://camera:port/1", "wants rtsp://host/path"),
        ("rtsp://camera:65536/1", "wants rtsp://host/path"),
        ("rtsp://[fe80/1", "wants rtsp://host/path"),
        ("rtsp://camera/1 2", "wants rtsp://host/path"),
        ("rtsp://user:pass@camera/1", "carries no user name or password"),
        ("rtsp://@camera/1", "carries no user name or password"),
        ("rtsps://user@camera/1", "carries no user name or password"),
        ("file://user:pass@camera/1", "carries no user name or password"),
        ("RTSP://camera/1", "begins with none of"),
        ("rtsp://camera/1?user=admin&password=1234", "has a password in it"),
        ("rtsp://camera/user=admin_Pwd=1234_channel=1", "has a password in it"),
    ],
)
def test_what_is_refused_says_why(url: str, fact: str) -> None:
    assert fact in str(camera_url.fault(url))


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://camera/1?password=s3cret",
        "rtsp://user:s3cret@camera/1",
        "rtsp://user:s3cret@[/1",
        "file://u:s3cret@camera",
    ],
)
def test_what_is_refused_for_its_password_is_refused_without_naming_it(url: str) -> None:
    assert "s3cret" not in str(camera_url.fault(url))


@pytest.mark.parametrize(
    "url", ["rtsp://10.0.0.1/x?password=hunter2", "file:../../etc/passwd", "pattern:walkr", "rtsp:///x"]
)
def test_a_camera_has_no_url_that_a_device_would_refuse(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^cameras\.door\.url: ") as refused:
        read_section("cameras", {"door": {"url": url}})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["rtsp://camera/a?b=@c", "rtsp://camera/@1", "file:door@back.mp4"])
def test_an_at_sign_that_follows_no_user_name_is_taken(url: str) -> None:
    assert camera_url.fault(url) is None
