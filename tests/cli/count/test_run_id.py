import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storeflow.cli.count.run_id import run_id
from storeflow.contract.twins import Layout

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def given(tmp_path: Path, layout: Layout) -> dict[str, Any]:
    """Everything that a run is told apart by."""
    (tmp_path / "clip.mp4").write_bytes(b"a film")
    (tmp_path / "model.toml").write_text("sha256")
    return {
        "clip": tmp_path / "clip.mp4",
        "model_folder": tmp_path,
        "layout": layout,
        "fps": 10.0,
        "starts_at": NOON,
        "repeatable": True,
    }


def test_a_run_that_can_be_repeated_has_one_id_whatever_its_clip_is_called(
    given: dict[str, Any], tmp_path: Path
) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(b"a film")
    assert run_id(**given) == run_id(**given) == run_id(**{**given, "clip": copy})
    assert re.fullmatch(r"run-[0-9a-f]{12}", run_id(**given))


def test_whatever_decides_events_decides_the_id(given: dict[str, Any], tmp_path: Path, layout: Layout) -> None:
    other_film, other_model = tmp_path / "other.mp4", tmp_path / "other"
    other_film.write_bytes(b"another film")
    other_model.mkdir()
    (other_model / "model.toml").write_text("sha257")
    turned = layout.model_copy(update={"lines": {"door": layout.lines["door"].model_copy(update={"in_": "left"})}})
    others: list[dict[str, Any]] = [
        {"clip": other_film},
        {"model_folder": other_model},
        {"layout": turned},
        {"fps": 5.0},
        {"starts_at": NOON + timedelta(seconds=1)},
        {"repeatable": False},
    ]
    ids = {run_id(**{**given, **other}) for other in others}
    assert len(ids | {run_id(**given)}) == 7


def test_a_run_that_cannot_be_repeated_is_one_of_its_own(given: dict[str, Any]) -> None:
    live = {**given, "repeatable": False}
    assert run_id(**live) != run_id(**live)
