import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storeflow.cli.main import main

Serve = Callable[..., Any]
LAYOUT = {"lines": {"middle": {"start": [0.5, 0.0], "end": [0.5, 1.0]}}}


@pytest.fixture
def command_line(repository: Path, eval_data: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """`command_line("--camera", url)`: a whole call of `run`, into the folder `out`."""
    del eval_data  # the model's weights are found there
    layout = tmp_path / "layout.json"
    layout.write_text(json.dumps(LAYOUT))
    model = repository / "models" / "person" / "rtmdet_nano"
    given = ["run", "--model", str(model), "--layout", str(layout), "--out", str(tmp_path / "out")]
    return lambda *more: [*given, *more]


def types(out: Path) -> list[tuple[str, str | None]]:
    """Type and state of every event that was written."""
    lines = [json.loads(line) for line in (out / "events.ndjson").read_text().splitlines()]
    return [(line["type"], line["data"].get("state")) for line in lines]


def test_a_live_camera_is_counted_for_some_seconds_over_a_break(
    serve: Serve, command_line: Callable[..., list[str]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    server = serve(door="walk")
    counted = threading.Event()

    def break_when_it_counts() -> None:
        while not (out / "events.ndjson").is_file() or not types(out):
            if counted.wait(0.1):
                return
        server.kill()
        server.start()

    breaking = threading.Thread(target=break_when_it_counts)
    breaking.start()
    status = main(command_line("--camera", server.url("door"), "--seconds", "10"))
    counted.set()
    breaking.join()
    assert status == 0
    assert sorted(path.name for path in out.iterdir()) == ["events.ndjson", "heatmap.png", "summary.json"]
    states = [state for kind, state in types(out) if kind == "storeflow.camera.state"]
    assert (states[0], states[-1]) == ("streaming", "streaming")
    assert "failed" in states
    assert json.loads((out / "summary.json").read_text())["frames"] > 20


def test_ctrl_c_ends_it_with_everything_written(
    serve: Serve, command_line: Callable[..., list[str]], repository: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    server = serve(door="walk")
    python = [sys.executable, "-c", "from storeflow.cli.main import main; raise SystemExit(main())"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*python, *command_line("--camera", server.url("door"))], cwd=repository, stdout=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 40
        while not (out / "events.ndjson").is_file() or not types(out):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        said = process.communicate(timeout=40)[0]
    assert process.returncode == 0
    assert "frames" in said
    assert (out / "summary.json").is_file()


def test_a_camera_that_never_came_is_told_with_its_reason(
    command_line: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command_line("--camera", "rtsp://127.0.0.1:1/door", "--seconds", "1")) == 3
    told = capsys.readouterr().err
    assert told.startswith(f"Counting; 1 s, or Ctrl-C ends it and writes {tmp_path / 'out' / 'summary.json'}\n")
    assert told.count("127.0.0.1:1 can't be reached: nothing listens there") == 1
    assert told.endswith("storeflow: not one frame came from the camera\n")
    assert types(tmp_path / "out") == [("storeflow.camera.state", "failed")]


def test_a_clip_and_a_camera_at_once_are_one_too_many(
    command_line: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(command_line("--video", "a.mp4", "--camera", "rtsp://camera/1"))
    assert "not allowed with argument" in capsys.readouterr().err
