import json
import re
from pathlib import Path
from typing import Any

import av
import pytest

from storeflow.cli.count import film
from storeflow.cli.count.command import read_layout
from storeflow.cli.count.picture import draw
from storeflow.cli.count.remarks import Remark
from storeflow.cli.main import main

RTMDET = "models/person/rtmdet_nano"
OURS = "models/person/storeflow_nano"
"""Its weights lie in the repository."""
LAYOUT: dict[str, Any] = {
    "lines": {"middle": {"start": [0.5, 0.42], "end": [0.5, 1.0], "camera_id": "street"}},
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
    assert list(summary) == ["starts_at", "lines", "zones", "frames", "model_version", "config_version"]
    figures = ["in", "out", "net_in", "net_out", "shopper_in", "shopper_out", "units_in", "units_out"]
    assert list(summary["lines"]["middle"]) == figures
    assert list(summary["zones"]["left"]) == ["visits", "most_at_once"]
    first, *_ = summary["zones"]["left"]["visits"]
    assert list(first) == ["entered_seconds", "exited_seconds", "dwell_seconds", "censored", "staff"]
    assert summary["frames"] == 71
    assert summary["model_version"].startswith("rtmdet_nano@4720eda18a18")
    assert summary["lines"]["middle"]["out"] == 4
    types = [json.loads(line)["type"] for line in (out / "events.ndjson").read_text().splitlines()]
    assert types.count("storeflow.line.crossed") == summary["lines"]["middle"]["in"] + summary["lines"]["middle"]["out"]
    printed = capsys.readouterr().out
    assert "71 frames, " in printed
    assert "which is no number of people: who was out of view for 2 s has another one" in printed
    assert re.search(r"^middle: out +4 +4 +4 +4$", printed, re.MULTILINE), printed


def test_the_same_call_gives_the_same_events_again_and_another_layout_others(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path
) -> None:
    turned = tmp_path / "turned.json"
    turned.write_text(json.dumps({"lines": {"middle": {"start": [0.5, 1.0], "end": [0.5, 0.42]}}}))
    video = eval_data / "videos" / "mot_TUD-Campus.mp4"
    later = ("--starts-at", "2026-11-20T09:00:00+01:00")
    for name, layout, more in (("first", layout_file, ()), ("again", layout_file, ()), ("turned", turned, later)):
        assert call(repository, video, layout, tmp_path / name, "--fps", "5", *more) == 0
    first, again, others = ((tmp_path / name / "events.ndjson").read_text() for name in ("first", "again", "turned"))
    assert first == again
    names, other_names = (
        {(event["source"], event["id"]) for event in map(json.loads, text.splitlines())} for text in (first, others)
    )
    assert not names & other_names, "source and id name one event for ever"
    assert all(re.fullmatch(r"//localhost/run-[0-9a-f]{12}/camera", source) for source, _ in names | other_names)
    assert json.loads((tmp_path / "turned" / "summary.json").read_text())["starts_at"] == "2026-11-20T08:00:00.000Z"
    assert {json.loads(event)["time"][:17] for event in others.splitlines()} == {"2026-11-20T08:00:"}


def test_fewer_frames_are_analysed_when_asked(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path
) -> None:
    assert call(repository, eval_data / "videos" / "mot_TUD-Campus.mp4", layout_file, tmp_path, "--fps", "5") == 0
    assert json.loads((tmp_path / "summary.json").read_text())["frames"] == 15


def test_on_request_the_frames_are_written_with_what_was_seen_and_decided(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remarks: set[Remark] = set()
    times: list[str] = []
    people: set[str] = set()

    def noted(*given: Any, **more: Any) -> Any:
        remarks.update(more["remarks"])
        times.append(more["captions"][0])
        people.update(given[2].values())
        return draw(*given, **more)

    monkeypatch.setattr(film, "draw", noted)
    video = eval_data / "videos" / "mot_TUD-Campus.mp4"
    assert call(repository, video, layout_file, tmp_path, "--annotate") == 0
    with av.open(str(tmp_path / "annotated.mp4")) as video_file:
        frames = sum(1 for _ in video_file.decode(video=0))
    assert frames == 71 + 25, "what is decided when the clip is over is told for a second"
    out = json.loads((tmp_path / "summary.json").read_text())["lines"]["middle"]["out"]
    assert sum(remark.text.startswith("middle: out, ") for remark in remarks) == out > 0
    assert (times[0], times[50]) == ("0.0 s  1970-01-01T00:00:00.000Z", "2.0 s  1970-01-01T00:00:02.000Z")
    events = map(json.loads, (tmp_path / "events.ndjson").read_text().splitlines())
    assert {event["data"]["track_id"] for event in events if "track_id" in event["data"]} <= people


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


def test_a_layout_may_stand_under_its_name_as_twin_get_prints_it(tmp_path: Path, layout_file: Path) -> None:
    as_printed = tmp_path / "desired.json"
    as_printed.write_text(json.dumps({"layout": LAYOUT}))
    assert read_layout(as_printed) == read_layout(layout_file)
    assert list(read_layout(as_printed).lines) == ["middle"]


def test_a_line_that_is_in_a_layout_twice_is_told(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "layout.json"
    path.write_text('{"layout": {"lines": {"a": %s, "a": %s}}}' % ((json.dumps(LAYOUT["lines"]["middle"]),) * 2))
    assert call(repository, tmp_path / "none.mp4", path, tmp_path) == 2
    assert f"--layout {path}: layout.lines.a: is there twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--fps", "0"], "--fps: '0' is not a number above 0 and at most 60"),
        (["--fps", "-3"], "--fps: '-3' is not a number above 0 and at most 60"),
        (["--fps", "61"], "--fps: '61' is not a number above 0 and at most 60"),
        (["--fps", "nan"], "--fps: 'nan' is not a number above 0 and at most 60"),
        (["--seconds", "-1"], "--seconds: '-1' is not a number above 0"),
        (["--seconds", "soon"], "--seconds: 'soon' is not a number above 0"),
        (["--starts-at", "2026-11-20T09:00:00"], "--starts-at: '2026-11-20T09:00:00' is no time with its offset"),
        (["--starts-at", "today"], "--starts-at: 'today' is no time with its offset"),
    ],
)
def test_numbers_and_times_that_can_be_none_are_refused(
    repository: Path, layout_file: Path, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        call(repository, Path("none.mp4"), layout_file, Path("out"), *more)
    assert ended.value.code == 2
    assert f"error: argument {told}" in capsys.readouterr().err


def test_an_out_that_is_a_file_is_named(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.touch()
    assert call(repository, eval_data / "videos" / "mot_TUD-Campus.mp4", layout_file, out) == 2
    assert capsys.readouterr().err == f"storeflow: --out {out}: a file is in its place; name a folder\n"


def test_results_of_another_run_are_overwritten_only_when_asked(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, out = eval_data / "videos" / "mot_TUD-Campus.mp4", tmp_path / "out"
    out.mkdir()
    for name in ("events.ndjson", "annotated.mp4", "notes.txt"):
        (out / name).write_text("theirs")
    assert call(repository, video, layout_file, out, model=OURS) == 2
    told = f"--out {out}: has the events.ndjson of an earlier run; name another folder, or --overwrite"
    assert told in capsys.readouterr().err
    assert (out / "events.ndjson").read_text() == "theirs"
    assert call(repository, video, layout_file, out, "--overwrite", "--fps", "2", model=OURS) == 0
    assert "theirs" not in (out / "events.ndjson").read_text()
    assert sorted(path.name for path in out.iterdir()) == [
        "events.ndjson", "heatmap.png", "notes.txt", "summary.json"
    ]  # fmt: skip
    assert "warning: storeflow_nano sees rendered shoppers only" in capsys.readouterr().err


def test_a_models_parent_folder_says_what_it_sees(
    repository: Path, layout_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "w" / "badmodel"
    model.mkdir(parents=True)
    (model / "model.toml").touch()
    assert call(repository, tmp_path / "none.mp4", layout_file, tmp_path / "out", model=str(model)) == 2
    assert f"--model {model}: its parent folder must be person or vehicle" in capsys.readouterr().err


def test_a_playlist_leads_to_no_other_file_and_an_empty_clip_is_told(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = eval_data / "videos" / "mot_TUD-Campus.mp4"
    clip, empty = tmp_path / "list.mp4", tmp_path / "empty.mp4"
    clip.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{video}\n#EXT-X-ENDLIST\n")
    empty.touch()
    assert call(repository, clip, layout_file, tmp_path / "out", model=OURS) == 2
    assert "list.mp4: is no video that can be read" in capsys.readouterr().err
    assert call(repository, empty, layout_file, tmp_path / "out", model=OURS) == 2
    assert "empty.mp4: is empty: copy the clip again" in capsys.readouterr().err


def test_a_clip_may_be_a_link_of_another_name(
    repository: Path, eval_data: Path, layout_file: Path, tmp_path: Path
) -> None:
    link = tmp_path / "today.mp4"
    link.symlink_to((eval_data / "videos" / "mot_TUD-Campus.mp4").resolve())
    assert call(repository, link, layout_file, tmp_path / "out", "--fps", "2", model=OURS) == 0


CAMERA = "rtsp://camera/1"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--camera", "rtsp://admin:hunter2@camera/1"], "--camera: leave user and password out of the URL"),
        (["--camera", "rtsp://admin:hunter2@camera/1"], "--credentials-ref NAME"),
        (["--camera", "http://camera/1"], "--camera: wants rtsp://host/path or rtsps://host/path"),
        (["--camera", "file:clip.mp4"], "for a clip there is --video"),
        (["--camera", "rtsp:///1"], "--camera: wants rtsp://host/path"),
        (["--camera", "rtsp://camera/1?password=hunter2"], "name that in --credentials-ref"),
        (["--camera", CAMERA, "--credentials-ref", "../etc"], "--credentials-ref: "),
        (["--camera", CAMERA, "--annotate"], "--annotate: is only for --video"),
        (["--camera", CAMERA, "--starts-at", "2026-11-20T09:00:00Z"], "--starts-at: is only for --video"),
        (["--video", "clip.mp4", "--seconds", "3"], "--seconds: is only for --camera"),
    ],
)
def test_what_does_not_fit_is_told_in_the_words_of_the_call(
    repository: Path, layout_file: Path, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(repository / OURS)
    assert main(["run", *more, "--model", model, "--layout", str(layout_file), "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "twin" not in error
    assert "cameras." not in error
    assert "hunter2" not in error


def test_the_help_says_that_people_are_recognisable_in_the_annotated_film(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "evaluate"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        told = " ".join(capsys.readouterr().out.split())
        assert "privacy: everybody whom the camera saw can be seen in it" in told


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
