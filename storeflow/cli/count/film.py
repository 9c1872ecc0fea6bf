"""annotated.mp4 as it grows: every analysed frame with what was seen, decided and counted by then."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from storeflow.cli.count.picture import AnnotatedVideo, draw
from storeflow.cli.count.pipeline import FrameResult
from storeflow.cli.count.remarks import SHOWN_SECONDS, Remarks
from storeflow.cli.out_folder import naming
from storeflow.contract.instant import as_text, instant
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Layout
from storeflow.frames.frame import Frame


class Film:
    """The annotated film of one clip.

    Args:
        path: the file.
        rate: frames per second.
        layout: drawn into every frame.
        starts_at: `captured_at` of the clip's first frame.
    """

    def __init__(self, path: Path, rate: float, layout: Layout, starts_at: datetime) -> None:
        self._path = path
        self._video = AnnotatedVideo(path, rate)
        self._rate, self._layout, self._starts_at = rate, layout, starts_at.timestamp()
        self._remarks = Remarks()
        self._last: tuple[Frame, Detections, dict[str, str]] | None = None

    def __enter__(self) -> Self:
        self._video.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with naming(self._path):
            self._video.__exit__(kind, error, trace)

    def add(self, result: FrameResult, counted: Sequence[str]) -> None:
        """Append a frame. The clip's end shows the last frame again while there is something to say.

        Args:
            result: what was seen and decided.
            counted: what was counted by then, one text a row.
        """
        said = self._remarks.now(result.message.captured_at, result.decisions, result.feet)
        if result.frame is not None and isinstance(result.message, Detections):
            self._last = result.frame, result.message, dict(result.people)
        if self._last is None:
            return
        captions = [self._when(self._last[1].captured_at), *counted]
        image = draw(*self._last, self._layout, captions=captions, remarks=said)
        at_the_end = round(self._rate * SHOWN_SECONDS) if said else 0
        for _ in range(1 if result.frame is not None else at_the_end):
            with naming(self._path):
                self._video.add(image)

    def _when(self, captured_at: float) -> str:
        return f"{captured_at - self._starts_at:.1f} s  {as_text(instant(captured_at))}"
