import logging
import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange

from modules.video_capture.file_source import FileSource
from storeflow.errors import SourceError
from storeflow.host.module import ModuleContext

Encode = Callable[..., Path]


def watched(path: Path) -> list[tuple[float, tuple[int, int], float]]:
    """Time, size and mean brightness of every picture."""
    source = FileSource(path.parent, path.name)
    return [(one.seconds, (one.width, one.height), float(one.planes.y.mean())) for one in source.pictures()]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mpg", "mpeg1video"),
        ("a.mp4", "libx264"),
        ("a.webm", "libvpx-vp9"),
        ("b.mp4", "libvpx-vp9"),
        ("a.avi", "mpeg4"),
        ("a.ts", "libx264"),
    ],
)
def test_usual_clips_are_read_to_the_last_picture(encode: Encode, name: str, codec: str) -> None:
    pictures = watched(encode(name, codec=codec, count=20))
    assert len(pictures) == 20
    assert [round(seconds, 2) for seconds, _, _ in pictures] == [round(number / 25, 2) for number in range(20)]
    # RGB grey v is brightness 16 + v * 219 / 255 (BT.601, limited range).
    assert all(
        abs(brightness - (16 + (60 + 2 * number) * 219 / 255)) < 4 for number, (_, _, brightness) in enumerate(pictures)
    )


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("full.avi", "mjpeg", "yuvj420p"),
        ("full.mp4", "libx264", "yuvj420p"),
        ("rich.mp4", "libx264", "yuv444p"),
        ("deep.mkv", "ffv1", "yuv420p10le"),
        ("rgb.mkv", "ffv1", "bgr0"),
    ],
)
def test_other_pixel_formats_become_limited_range_420(encode: Encode, name: str, codec: str, pixel_format: str) -> None:
    path = encode(name, codec=codec, pixel_format=pixel_format, count=3, brightness=lambda _: 255)
    pictures = [picture.planes for picture in FileSource(path.parent, name).pictures()]
    assert [planes.u.shape for planes in pictures] == [(60, 80)] * 3
    assert [float(planes.y.mean()) for planes in pictures] == pytest.approx([235] * 3, abs=3)  # white
    assert [float(planes.u.mean()) for planes in pictures] == pytest.approx([128] * 3, abs=3)


def test_full_range_that_only_a_flag_tells_of_becomes_limited_range(encode: Encode) -> None:
    path = encode("flag.webm", codec="libvpx-vp9", color_range=ColorRange.JPEG, count=3, brightness=lambda _: 255)
    with av.open(str(path)) as container:
        frame = next(container.decode(container.streams.video[0]))
        assert frame.format.name == "yuv420p"
        assert frame.to_ndarray()[0, 0] > 250
    assert [brightness for _, _, brightness in watched(path)] == pytest.approx([235] * 3, abs=3)


def test_an_odd_size_is_told_as_it_is(encode: Encode) -> None:
    path = encode("odd.mkv", codec="ffv1", size=(161, 121), count=2)
    picture = next(FileSource(path.parent, path.name).pictures())
    assert (picture.width, picture.height) == (161, 121)
    assert [plane.shape for plane in picture.planes] == [(121, 161), (61, 81), (61, 81)]


def test_uneven_time_stamps_are_the_times(encode: Encode) -> None:
    pictures = watched(encode("uneven.mkv", codec="ffv1", count=4, stamps=[0, 1, 5, 25]))
    assert [seconds for seconds, _, _ in pictures] == [0.0, 0.04, 0.2, 1.0]


def test_a_clip_without_time_stamps_goes_by_its_rate_and_the_log_says_so(
    encode: Encode, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        pictures = watched(encode("raw.h264", codec="libx264", count=10))
    assert [round(seconds, 6) for seconds, _, _ in pictures] == [number / 25 for number in range(10)]
    assert "raw.h264: the clip has pictures without a time stamp: going by its average rate" in caplog.text


def refusal(context: ModuleContext, name: str) -> str:
    with pytest.raises(SourceError) as caught:
        for _ in FileSource(context.media_folder, name).pictures():
            pass
    return str(caught.value)


def test_a_missing_an_empty_and_a_nonsense_file_are_told_apart(context: ModuleContext) -> None:
    (context.media_folder / "empty.mp4").write_bytes(b"")
    (context.media_folder / "text.mp4").write_text("this is no video\n" * 100)
    (context.media_folder / "folder").mkdir()
    os.mkfifo(context.media_folder / "pipe")
    assert "missing.mp4: no such file" in refusal(context, "missing.mp4")
    assert "empty.mp4: is empty" in refusal(context, "empty.mp4")
    assert "text.mp4: is no video that can be read" in refusal(context, "text.mp4")
    assert "folder: is not a file" in refusal(context, "folder")
    assert "pipe: is not a file" in refusal(context, "pipe")


def test_sound_without_pictures_is_told(context: ModuleContext) -> None:
    with av.open(str(context.media_folder / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        assert isinstance(stream, AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "sound.mp4: has no video in it" in refusal(context, "sound.mp4")


@pytest.mark.parametrize(
    ("name", "options", "refused"),
    [
        ("cut.mp4", {}, "is no video that can be read"),
        ("cut-fast-start.mp4", {"movflags": "faststart"}, "breaks off after"),
        ("cut.webm", {}, "breaks off after"),
    ],
)
def test_a_truncated_clip_is_refused_with_how_far_it_goes(
    context: ModuleContext, encode: Encode, name: str, options: dict[str, str], refused: str
) -> None:
    def texture(number: int) -> int:
        return 40 + 150 * (number % 2)

    codec = "libvpx-vp9" if name.endswith(".webm") else "libx264"
    path = encode(name, codec=codec, count=100, container_options=options, brightness=texture)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    assert refused in refusal(context, name)


def test_damage_in_the_middle_is_passed_over_and_told_in_the_log(
    encode: Encode, caplog: pytest.LogCaptureFixture
) -> None:
    path = encode("damaged.mp4", codec="libx264", count=60, brightness=lambda number: 40 + 150 * (number % 2))
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + (content.index(b"moov") - content.index(b"mdat")) // 2
    content[middle : middle + 200] = b"\xff" * 200
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        pictures = watched(path)
    assert 30 < len(pictures) < 60
    assert pictures[-1][0] == pytest.approx(59 / 25)
    assert "damaged packets were passed over" in caplog.text


def test_a_playlist_cannot_lead_to_other_files(context: ModuleContext, encode: Encode) -> None:
    encode("real.ts", codec="libx264")
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.ts\n#EXT-X-ENDLIST\n"
    (context.media_folder / "list.mp4").write_text(playlist)
    (context.media_folder / "list.m3u8").write_text(playlist)
    assert "is no video that can be read" in refusal(context, "list.mp4")
    assert "is no video that can be read" in refusal(context, "list.m3u8")
    for name in ("list.mp4", "list.m3u8"):
        with pytest.raises(SourceError, match="is no video that can be read"):
            FileSource(context.media_folder, name).announced()


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.avi", "a.ts"])
def test_a_clip_says_how_many_pictures_it_has_before_any_is_decoded(encode: Encode, name: str) -> None:
    codec = {"a.webm": "libvpx-vp9", "a.avi": "mpeg4"}.get(name, "libx264")
    path = encode(name, codec=codec, count=20)
    assert FileSource(path.parent, name).announced() == (20, 25.0)


def test_of_an_empty_clip_it_is_said_that_it_is_empty_before_it_is_played(context: ModuleContext) -> None:
    (context.media_folder / "empty.mp4").touch()
    with pytest.raises(SourceError, match="is empty: copy the clip again"):
        FileSource(context.media_folder, "empty.mp4").announced()


def test_a_link_out_of_the_media_folder_is_not_followed(context: ModuleContext, encode: Encode) -> None:
    outside = encode("real.mp4").rename(context.media_folder.parent / "outside.mp4")
    (context.media_folder / "link.mp4").symlink_to(outside)
    assert "leads out of the media folder" in refusal(context, "link.mp4")


@pytest.mark.parametrize(
    ("name", "count", "last"),
    [
        ("mot_PETS09-S2L1.mp4", 795, 794 / 7),
        ("mot_TUD-Campus.mp4", 71, 70 / 25),
        ("EnterExitCrossingPaths1front.mpg", 383, 383 / 25),
    ],
)
def test_real_clips_are_read_to_the_last_picture(eval_data: Path, name: str, count: int, last: float) -> None:
    times = [picture.seconds for picture in FileSource(eval_data / "videos", name).pictures()]
    assert len(times) == count
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(last, abs=1e-6)
