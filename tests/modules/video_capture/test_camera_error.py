import pytest

from modules.video_capture.camera_error import with_other_names

OPTIONS = {"url": "--camera", "credentials_ref": "--credentials-ref"}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "10.0.0.7 wants a user name and password: name a secret in credentials_ref",
            "10.0.0.7 wants a user name and password: name a secret in --credentials-ref",
        ),
        (
            "url.example has no such stream: fix the path in url",
            "url.example has no such stream: fix the path in --camera",
        ),
        ("its picture has not changed: raise freeze_seconds", "its picture has not changed: raise freeze_seconds"),
        ("url:554 does not answer", "url:554 does not answer"),
    ],
)
def test_a_setting_has_the_name_that_the_operator_knows(message: str, said: str) -> None:
    assert with_other_names(message, OPTIONS) == said
