from pathlib import Path

import pytest

from modules.video_capture.camera_error import CameraError
from modules.video_capture.credentials import certificate, userinfo


def environment(folder: Path) -> dict[str, str]:
    return {"STOREFLOW_SECRETS": str(folder)}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("admin:secret", "admin:secret"),
        ("admin:secret\n", "admin:secret"),
        ("admin:se:cret\r\n", "admin:se%3Acret"),
        ("ad min:p@ss/w#rd?%", "ad%20min:p%40ss%2Fw%23rd%3F%25"),
        ("admin:", "admin:"),
        ("admin: spaces count ", "admin:%20spaces%20count%20"),
    ],
)
def test_a_secret_is_ready_for_a_url(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "door").write_text(content)
    assert userinfo("door", environment(tmp_path)) == expected


def test_the_environment_serves_where_there_is_no_file(tmp_path: Path) -> None:
    variables = environment(tmp_path) | {"STOREFLOW_SECRET_door": "admin:variable"}
    assert userinfo("door", variables) == "admin:variable"
    (tmp_path / "door").write_text("admin:file")
    assert userinfo("door", variables) == "admin:file"


def test_a_missing_secret_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CameraError) as caught:
        userinfo("door", environment(tmp_path))
    assert str(caught.value) == f"secret door is missing: put user:password into {tmp_path / 'door'}"
    assert caught.value.reason == "credentials"


def test_without_a_folder_docker_s_is_meant() -> None:
    with pytest.raises(CameraError, match="put user:password into /run/secrets/no-such-camera"):
        userinfo("no-such-camera", {})


@pytest.mark.parametrize(
    "content", [b"hunter2", b":hunter2", b"admin:hunter2\nmore", b"admin:hunter2\x00", b"\xffhunter2"]
)
def test_a_secret_of_another_form_is_refused_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "door").write_bytes(content)
    with pytest.raises(CameraError) as caught:
        userinfo("door", environment(tmp_path))
    assert f"fix {tmp_path / 'door'}" in str(caught.value)
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "door").mkdir()
    with pytest.raises(CameraError, match="secret door can't be read: Is a directory"):
        userinfo("door", environment(tmp_path))


def test_the_certificate_of_a_camera_lies_beside_its_secret_if_it_has_one(tmp_path: Path) -> None:
    assert certificate("door", environment(tmp_path)) is None
    (tmp_path / "aisle.pem").mkdir()
    assert certificate("aisle", environment(tmp_path)) is None
    (tmp_path / "door.pem").touch()
    assert certificate("door", environment(tmp_path)) == tmp_path / "door.pem"
