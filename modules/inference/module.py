"""inference: frames of every camera in, tracked detections out."""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

from modules.inference.camera_tracks import CameraTracks, track_metrics
from modules.inference.detector import Detector, load_detector
from modules.inference.frame_sockets import FrameSockets
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import Model
from storeflow.errors import ConfigError, ModelError
from storeflow.frames.frame import Frame
from storeflow.frames.side_channel import MessagePublisher
from storeflow.host.module import ModuleContext, Output
from storeflow.observability.metrics import labelled

LOG = logging.getLogger(__name__)


class Inference:
    """Runs every configured task's detector on every frame, and follows what it finds.

    Tracks don't outlive the process: who walks on while it restarts has a new id. So there is no checkpoint.
    """

    sections: ClassVar[tuple[str, ...]] = ("models",)

    def __init__(self, context: ModuleContext, checkpoint: bytes | None) -> None:
        del checkpoint
        self._context = context
        self._models: dict[str, Model] = {}
        self._detectors: dict[str, Detector] = {}
        self._cameras: dict[str, CameraTracks] = {}
        self._channels: tuple[FrameSockets, MessagePublisher] | None = None
        self._unsent: Detections | StreamEnded | None = None
        self._counts = Counter(frames=0, tracks_reported=0)

    def configure(self, section: str, value: Mapping[str, Model], version: int) -> None:  # noqa: ARG002 - one section
        """Load the models of all tasks, then swap them at once; tracks live on through the swap.

        Raises:
            ConfigError: a model can't be used; the ones before stay.
        """
        detectors, problems = {}, []
        for task, model in sorted(value.items()):
            try:
                detectors[task] = self._detector(task, model)
            except ModelError as error:
                problems.append(f"models.{task}.name: {error}")
        if problems:
            raise ConfigError(problems)
        self._models, self._detectors = dict(value), detectors
        LOG.info("twin version %d: models %s", version, self.model_version or "none")

    @property
    def model_version(self) -> str:
        """Name and weights of every detector in use, by task and joined with `+`."""
        return "+".join(detector.card.version for detector in self._detectors.values())

    def on_frame(self, frame: Frame) -> Detections:
        """Everything that the models see in one frame, and who it is.

        Raises:
            ModelError: no model is configured, or an engine failed.
        """
        if not self._detectors:
            raise ModelError("no model is configured: name one for `person` or `vehicle` in the section `models`")
        camera, tracks = self._cameras.get(frame.camera_id), []
        if camera is None or camera.is_over_at(frame.captured_at):
            camera = self._cameras[frame.camera_id] = CameraTracks(frame.captured_at)
        for task, detector in self._detectors.items():
            of_task = camera.task(task, self._models[task].tracker)
            detected = detector.detect(frame, of_task.floor(detector.threshold))
            tracks += of_task.follow(frame, detected, detector.threshold)
        self._counts.update({labelled("camera_frames", frame.camera_id): 1}, frames=1, tracks_reported=len(tracks))
        return Detections(
            camera_id=frame.camera_id,
            sequence=frame.sequence,
            captured_at=frame.captured_at,
            frame_width=frame.full_width,
            frame_height=frame.full_height,
            model_version=self.model_version,
            tracks=tuple(tracks),
        )

    def on_stream_ended(self, ended: StreamEnded) -> StreamEnded:
        """Forget the camera's tracks; the message goes on to who reads detections."""
        self._cameras.pop(ended.camera_id, None)
        return ended

    def work(self, timeout: float) -> Sequence[Output]:
        """Take one frame of one camera from its socket and publish what is in it."""
        sockets, publisher = self._open_channels()
        if self._unsent is not None:
            if not publisher.wait_for_room(timeout):
                return ()
            publisher.publish(self._unsent, lossless=True)
            self._unsent = None
        if not self._detectors:
            # Frames are left where they are: to take them unseen would say that nobody was there.
            time.sleep(timeout)
            return ()
        arrival = sockets.receive(timeout)
        if arrival is None:
            publisher.flush()
            return ()
        if isinstance(arrival.item, StreamEnded):
            message: Detections | StreamEnded = self.on_stream_ended(arrival.item)
        else:
            message = self.on_frame(arrival.item)
        sockets.release()
        if arrival.lossless and not publisher.wait_for_room(0):
            self._unsent = message  # no frame is taken before there is room for it
        else:
            publisher.publish(message, lossless=arrival.lossless)
        return ()

    def metrics(self) -> Mapping[str, float]:
        """Frames analysed, tracks reported, what is remembered of each camera, messages lost on a slow reader."""
        lost = self._channels[1].lost if self._channels else 0
        return {**self._counts, **track_metrics(self._cameras), "messages_lost": lost}

    def close(self) -> None:
        """Close the sockets."""
        for channel in self._channels or ():
            channel.close()

    def _detector(self, task: str, model: Model) -> Detector:
        if self._models.get(task) == model:
            return self._detectors[task]
        folder = self._context.cards_folder / task / model.name
        return load_detector(folder, self._context.model_folders, threshold=model.threshold)

    def _open_channels(self) -> tuple[FrameSockets, MessagePublisher]:
        if self._channels is None:
            folder = self._context.channel_folder
            self._channels = FrameSockets(folder / "frames"), MessagePublisher(folder / "detections.sock")
        return self._channels
