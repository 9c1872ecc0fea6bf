from pathlib import Path

import pytest

from storeflow.cli.text import MAX_FPS, called, counted, short_name, shown
from storeflow.contract.twins import read_section
from storeflow.errors import ConfigError


@pytest.mark.parametrize(
    ("first", "told"),
    [("/opt/python/storeflow/__main__.py", "python -m storeflow"), (".venv/bin/storeflow", ".venv/bin/storeflow")],
)
def test_another_command_is_typed_as_this_one_was(first: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [first, "demo"])
    assert called() == told


def test_one_is_told_as_one() -> None:
    assert [counted(number, "event") for number in (0, 1, 2)] == ["0 events", "1 event", "2 events"]


def test_a_path_is_as_short_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "run" / "events.ndjson") == "run/events.ndjson"
    assert shown(tmp_path.parent / "other") == str(tmp_path.parent / "other")


@pytest.mark.parametrize(
    ("track_id", "short"), [("19b8d627a80-2", "2"), ("19b8d627a80-14@1767603609100", "14@1767603609100"), ("7", "7")]
)
def test_what_follows_the_hyphen_is_a_short_name(track_id: str, short: str) -> None:
    assert short_name(track_id) == short


def test_a_clip_is_looked_at_as_often_as_a_camera_may_be() -> None:
    camera = {"url": "rtsp://camera/"}
    assert read_section("cameras", {"door": {**camera, "fps": MAX_FPS}})
    with pytest.raises(ConfigError, match="fps"):
        read_section("cameras", {"door": {**camera, "fps": MAX_FPS + 0.1}})
