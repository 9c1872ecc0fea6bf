import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from modules.inference import module as inference_module
from modules.inference.detector import Detected
from modules.inference.module import Inference
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import Model, read_section
from storeflow.errors import ConfigError, ModelError
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring_writer import FrameWriter
from storeflow.frames.side_channel import MessageSubscriber
from storeflow.host.module import ModuleContext

YOLOX = {"person": Model(name="yolox_nano")}
RTMDET = {"person": Model(name="rtmdet_nano")}
FPS = 10
STARTS_AT = 1_000.0


class Walker:
    """In place of a detector: one person who walks to the right, where they are at `captured_at`."""

    def __init__(self) -> None:
        self.threshold = 0.4
        self.card = self
        self.version = "walker@1"

    def detect(self, frame: Frame, floor: float) -> Detected:
        """Who is there in the frame."""
        left = 0.05 + 0.05 * (frame.captured_at - STARTS_AT)
        sees = floor <= 0.9
        return Detected(np.array([[left, 0.3, left + 0.1, 0.7]])[:sees], np.array([0.9])[:sees], ("person",)[:sees])


def write(writer: FrameWriter, frame: Frame) -> int:
    picture = writer.acquire(frame.width, frame.height)
    if picture is None:
        return 0
    picture[:] = frame.i420
    return writer.publish(replace(frame, i420=picture))


@pytest.fixture(scope="module")
def clip(eval_data: Path) -> list[Frame]:
    """The first twelve frames of PETS09-S2L1."""
    with av.open(str(eval_data / "videos" / "mot_PETS09-S2L1.mp4")) as container:
        pictures = [picture for picture, _ in zip(container.decode(video=0), range(12), strict=False)]
    return [
        Frame(
            camera_id="hall",
            sequence=index,
            captured_at=1_000 + index / 7,
            full_width=picture.width,
            full_height=picture.height,
            region=WHOLE_FRAME,
            i420=np.asarray(picture.to_ndarray(format="yuv420p"), np.uint8),
        )
        for index, picture in enumerate(pictures)
    ]


@pytest.fixture
def context(tmp_path: Path, eval_data: Path, repository: Path) -> ModuleContext:
    """Of a device with the evaluation models at hand."""
    (tmp_path / "channels" / "frames").mkdir(parents=True)
    return ModuleContext(
        module_id="inference",
        hub="hub.example",
        device_id="device",
        store_id="store",
        state_folder=tmp_path,
        channel_folder=tmp_path / "channels",
        media_folder=tmp_path,
        model_folders=(eval_data / "models",),
        cards_folder=repository / "models",
    )


@pytest.fixture
def inference(context: ModuleContext) -> Iterator[Inference]:
    """The module, without a model yet."""
    module = Inference(context, None)
    yield module
    module.close()


@pytest.fixture
def walking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inference:
    """The module, which sees a walker."""
    monkeypatch.setattr(inference_module, "load_detector", lambda *_, **__: Walker())
    module = Inference(
        ModuleContext("inference", "hub", "device", "store", tmp_path, tmp_path, tmp_path, (), tmp_path), None
    )
    module.configure("models", {"person": Model(name="walker")}, 1)
    return module


def confirmed_ids(detections: Detections) -> set[str]:
    return {track.track_id for track in detections.tracks if track.confirmed}


def test_a_frame_becomes_detections_of_its_own_facts(inference: Inference, clip: list[Frame]) -> None:
    inference.configure("models", YOLOX, 3)
    told = [inference.on_frame(frame) for frame in clip]

    assert told[2].model_version == "yolox_nano@e8af074932d4"
    assert (told[2].camera_id, told[2].sequence, told[2].captured_at) == ("hall", 2, clip[2].captured_at)
    assert (told[2].frame_width, told[2].frame_height) == (768, 576)
    assert not confirmed_ids(told[0])
    assert len(confirmed_ids(told[-1])) >= 3
    assert {track.track_id.split("-")[0] for each in told for track in each.tracks} == {f"{1_000_000:x}"}
    assert inference.metrics()["frames"] == len(clip)


def test_a_model_is_swapped_between_two_frames_and_people_stay_who_they_were(
    inference: Inference, clip: list[Frame]
) -> None:
    inference.configure("models", YOLOX, 1)
    before = [inference.on_frame(frame) for frame in clip[:6]][-1]
    inference.configure("models", RTMDET, 2)
    after = inference.on_frame(clip[6])

    assert before.model_version.startswith("yolox_nano@")
    assert after.model_version.startswith("rtmdet_nano@")
    assert len(confirmed_ids(before) & confirmed_ids(after)) >= 3


@pytest.mark.parametrize(
    ("models", "path"),
    [
        ({"person": Model(name="nobody")}, "models.person.name: no model card"),
        ({**RTMDET, "vehicle": Model(name="nothing")}, "models.vehicle.name: no model card"),
    ],
)
def test_a_wrong_model_is_refused_by_its_path_and_the_last_good_one_goes_on(
    inference: Inference, clip: list[Frame], models: dict[str, Model], path: str
) -> None:
    inference.configure("models", YOLOX, 1)
    with pytest.raises(ConfigError) as raised:
        inference.configure("models", models, 2)

    assert len(raised.value.problems) == 1
    assert raised.value.problems[0].startswith(path)
    assert inference.on_frame(clip[0]).model_version.startswith("yolox_nano@")


def test_weights_that_are_missing_are_told_under_the_models_name(context: ModuleContext, tmp_path: Path) -> None:
    bare = ModuleContext(
        **{**{name: getattr(context, name) for name in context.__slots__}, "model_folders": (tmp_path,)}
    )
    with pytest.raises(
        ConfigError, match=r"^models\.person\.name: weights yolox_nano_bigisland\.onnx .* are in none of"
    ):
        Inference(bare, None).configure("models", YOLOX, 1)


def test_a_threshold_of_the_twin_is_used(inference: Inference, clip: list[Frame]) -> None:
    inference.configure("models", {"person": Model(name="yolox_nano", threshold=0.95)}, 1)
    assert inference.on_frame(clip[0]).tracks == ()


def test_without_a_model_nobody_is_said_to_be_absent(inference: Inference, clip: list[Frame]) -> None:
    with pytest.raises(ModelError, match="no model is configured"):
        inference.on_frame(clip[0])


def test_an_ended_stream_takes_its_tracks_with_it(inference: Inference, clip: list[Frame]) -> None:
    inference.configure("models", YOLOX, 1)
    inference.on_frame(clip[0])
    assert inference.metrics()["tracks_remembered"] > 0

    ended = StreamEnded(camera_id="hall", sequence=0, captured_at=1_000, reason="the clip is over")
    assert inference.on_stream_ended(ended) is ended
    assert inference.metrics()["tracks_remembered"] == 0
    assert inference.metrics()["cameras"] == 0
    inference.on_frame(clip[1])
    assert inference.metrics()["camera_frames/hall"] == 2, "a counter begins with the process, not with the stream"


def test_a_lossless_clip_comes_out_of_the_sockets_as_it_comes_out_of_one_process(
    inference: Inference, context: ModuleContext, clip: list[Frame]
) -> None:
    reference = Inference(context, None)
    reference.configure("models", YOLOX, 1)
    expected = [reference.on_frame(frame) for frame in clip]
    ended = StreamEnded(camera_id="hall", sequence=11, captured_at=clip[-1].captured_at, reason="the clip is over")
    done = threading.Event()
    writer = FrameWriter(context.channel_folder / "frames" / "hall.sock", lossless=True)
    player = threading.Thread(target=play, args=(writer, clip, ended, done))
    player.start()
    subscriber = MessageSubscriber(context.channel_folder / "detections.sock")
    try:
        # Until its twin arrives the module takes no frame, and none is lost for it.
        assert [*inference.work(0.05), *inference.work(0.05)] == []
        inference.configure("models", YOLOX, 1)
        told = list(work_until_the_end(inference, subscriber))
    finally:
        done.set()
        writer.close()
        player.join()
        subscriber.close()
    assert told == [*expected, ended]


def play(writer: FrameWriter, clip: list[Frame], ended: StreamEnded, done: threading.Event) -> None:
    for frame in clip:
        write(writer, frame)
    writer.end(ended)
    while not done.is_set():
        writer.serve(0.05)


def work_until_the_end(inference: Inference, subscriber: MessageSubscriber) -> Iterator[Detections | StreamEnded]:
    for _ in range(500):
        inference.work(0.05)
        message = subscriber.receive(0)
        if message is not None:
            yield message
        if isinstance(message, StreamEnded):
            return


def seen_in(walking: Inference, frames: Iterable[int], starts_at: float = STARTS_AT) -> list[Detections]:
    picture = np.zeros((6, 4), np.uint8)
    return [
        walking.on_frame(Frame("door", index, starts_at + index / FPS, 800, 600, WHOLE_FRAME, picture))
        for index in frames
    ]


@pytest.mark.parametrize("played", [1, 15, 100], ids=["one frame", "less than tracks are remembered", "ten seconds"])
def test_a_clip_that_is_played_again_gives_the_same_tracks(walking: Inference, played: int) -> None:
    once = seen_in(walking, range(100))
    other = Inference(walking._context, None)
    other.configure("models", {"person": Model(name="walker")}, 1)
    seen_in(other, range(played))  # and its reader is killed: nobody says that the stream ended

    assert seen_in(other, range(100)) == once
    assert {track.track_id for each in once for track in each.tracks} == {f"{1_000_000:x}-0"}


def test_a_camera_whose_clock_is_set_back_far_has_other_tracks_from_there_on(walking: Inference) -> None:
    before = seen_in(walking, range(100))
    after = seen_in(walking, range(50, 60))
    assert {track.track_id for each in before for track in each.tracks} == {f"{1_000_000:x}-0"}
    assert {track.track_id for each in after for track in each.tracks} == {f"{1_005_000:x}-0"}


def test_a_clock_that_is_put_right_by_a_little_changes_nobody(walking: Inference) -> None:
    frames = [*range(30), *range(25, 40)]
    ids = {track.track_id for each in seen_in(walking, frames) for track in each.tracks}
    assert ids == {f"{1_000_000:x}-0"}


def test_an_operator_chooses_the_tracker_in_the_twin(walking: Inference) -> None:
    section: dict[str, Any] = {"person": {"name": "walker", "tracker": "bytetrack"}}
    assert [len(each.tracks) for each in seen_in(walking, range(3))] == [1, 1, 1]
    walking.configure("models", read_section("models", section), 2)
    # ByteTrack as published reports a track when it was seen twice in a row.
    assert [len(each.tracks) for each in seen_in(walking, range(3, 6))] == [0, 1, 1]


def test_cards_are_looked_for_in_the_contexts_folder(walking: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def load(folder: Path, *_: Any, **__: Any) -> Walker:
        asked.append(folder)
        return Walker()

    monkeypatch.setattr(inference_module, "load_detector", load)
    monkeypatch.setenv("STOREFLOW_MODELS", "elsewhere")
    walking.configure("models", {"vehicle": Model(name="lorry")}, 2)
    assert asked == [walking._context.cards_folder / "vehicle" / "lorry"]
