import json
from pathlib import Path

import av
import numpy as np
import pytest

from storeflow.sample_store.film import Film
from storeflow.sample_store.render import render


def test_a_rendered_clip_reads_back_with_exact_times_and_its_truth_beside_it(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    store = render(tmp_path, lambda done, total: told.append((done, total)), seconds=1.2)
    assert told == [(number, 12) for number in range(1, 13)]
    with av.open(str(store.video)) as container:
        assert container.streams.video[0].codec_context.name in {"vp9", "libvpx-vp9"}
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == [number / 10 for number in range(12)]
    drawn = Film(seconds=1.2).frame(6)[0].astype(np.float32)
    assert np.abs(frames[6].to_ndarray(format="rgb24") - drawn).mean() < 6
    truth, layout = json.loads(store.truth.read_text()), json.loads(store.layout.read_text())
    assert truth["frames"] == store.frames == 12
    assert truth["lines"].keys() == layout["lines"].keys()
    assert truth["zones"].keys() == layout["zones"].keys()
    assert not list(tmp_path.glob("*.part"))


def test_the_layout_lies_inside_the_picture(tmp_path: Path) -> None:
    layout = json.loads(render(tmp_path, seconds=0.1).layout.read_text())
    points = [point for zone in layout["zones"].values() for point in zone["polygon"]]
    points += [line[end] for line in layout["lines"].values() for end in ("start", "end")]
    assert all(0 < x < 1 and 0 < y < 1 for x, y in points)


def test_a_clip_without_a_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="seconds is 0"):
        render(tmp_path, seconds=0.0)
