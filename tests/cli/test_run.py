import json
from pathlib import Path
from typing import Any

import pytest

from storeflow.cli.main import main

RTMDET = "models/person/rtmdet_nano"
LAYOUT = {
    "lines": {"middle": {"start": [0.5, 0.42], "end": [0.5, 1.0]}},
    "zones": {"left": {"polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}},
}


@pytest.fixture
def layout_file(tmp_path: Path) -> Path:
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(LAYOUT))
    return path


def call(repository: Path, video: Path, layout: Path, out: Path, *more: str, model: str = RTMDET) -> int:
    arguments = ["--video", str(video), "--model", str(repository / model), "--layout", str(layout), "--out", str(out)]
    return main(["run", *arguments, "--fast", *more])


def test_a_real_clip_is_counted_and_no_picture_of_anybody_is_written(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(repository, eval_data / "videos" / "mot_TUD-Campus.mp4", layout_file, out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["events.ndjson", "heatmap.png", "summary.json"]
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    assert list(summary) == ["lines", "zones", "frames", "model", "config_version"]
    figures = ["in", "out", "net_in", "net_out", "shopper_in", "shopper_out", "units_in", "units_out"]
    assert list(summary["lines"]["middle"]) == figures
    assert list(summary["zones"]["left"]) == ["visits", "max_occupancy"]
    assert list(summary["zones"]["left"]["visits"][0]) == ["entered_at", "exited_at", "dwell_seconds"]
    assert summary["frames"] == 71
    assert summary["model"].startswith("rtmdet_nano@4720eda18a18")
    assert summary["lines"]["middle"]["out"] == 4
    types = [json.loads(line)["type"] for line in (out / "events.ndjson").read_text().splitlines()]
    assert types.count("storeflow.line.crossed") == summary["lines"]["middle"]["in"] + summary["lines"]["middle"]["out"]
    assert "71 frames" in capsys.readouterr().out


def test_the_same_clip_gives_the_same_events_again(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path
) -> None:
    video = eval_data / "videos" / "mot_TUD-Campus.mp4"
    for name in ("first", "second"):
        assert call(repository, video, layout_file, tmp_path / name) == 0
    first, second = ((tmp_path / name / "events.ndjson").read_bytes() for name in ("first", "second"))
    assert first == second


def test_fewer_frames_are_analysed_when_asked(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path
) -> None:
    assert call(repository, eval_data / "videos" / "mot_TUD-Campus.mp4", layout_file, tmp_path, "--fps", "5") == 0
    assert json.loads((tmp_path / "summary.json").read_text())["frames"] == 15


def test_on_request_the_frames_are_written_with_what_was_seen(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path
) -> None:
    video = eval_data / "videos" / "mot_TUD-Campus.mp4"
    assert call(repository, video, layout_file, tmp_path, "--annotate", "--fps", "5") == 0
    assert (tmp_path / "annotated.mp4").stat().st_size > 10_000


def test_every_crossing_of_pets_is_within_one_of_the_truth(repository: Path, eval_data: Path, tmp_path: Path) -> None:
    status = main(
        ["evaluate", "--video", str(eval_data / "videos" / "mot_PETS09-S2L1.mp4"), "--model", str(repository / RTMDET),
         "--truth", str(eval_data / "truth" / "mot_PETS09-S2L1.json"), "--out", str(tmp_path)]
    )  # fmt: skip
    assert status == 0
    door = json.loads((tmp_path / "evaluation.json").read_text())["lines"]["door_x690"]
    assert (door["truth_in"], door["truth_out"]) == (15, 9)
    assert abs(door["error_in"]) <= 1
    assert abs(door["error_out"]) <= 1
    assert "every crossing" in (tmp_path / "evaluation.html").read_text()


TYPO = '{"lines": {"door": {"start": [0.1, 0.5], "end": [0.9, 0.5], "inn": "left"}}}'
BOW_TIE = '{"zones": {"a": {"polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}}}'


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        (TYPO, "layout.lines.door.inn: there is no such setting"),
        (BOW_TIE, "layout.zones.a.polygon: the polygon crosses itself"),
        ("{", "not JSON"),
    ],
    ids=["typo", "bow tie", "no JSON"],
)
def test_a_wrong_layout_is_refused_with_the_fields_path(
    repository: Path, tmp_path: Path, layout: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "layout.json"
    path.write_text(layout)
    assert call(repository, tmp_path / "none.mp4", path, tmp_path) == 2
    assert told in capsys.readouterr().err


def test_what_is_missing_is_named(
    repository: Path, layout_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(repository, tmp_path / "none.mp4", layout_file, tmp_path) == 2
    assert f"no such clip: {tmp_path / 'none.mp4'}" in capsys.readouterr().err
    assert call(repository, tmp_path / "none.mp4", tmp_path / "no.json", tmp_path) == 2
    assert "no.json: No such file" in capsys.readouterr().err
    text = tmp_path / "text.mp4"
    text.write_text("this is no film")
    assert call(repository, text, layout_file, tmp_path) == 2
    assert "no video that can be read" in capsys.readouterr().err
    assert call(repository, text, layout_file, tmp_path, model="models/person") == 2
    assert "there is no model.toml" in capsys.readouterr().err
