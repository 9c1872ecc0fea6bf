"""A pulled plug: whichever module of the sample store is killed, the run comes to its end with everything delivered."""

import io
from collections import Counter
from functools import partial
from typing import Any

import pytest
from rich.console import Console

from local_azure.supervisor.supervisor import Supervisor
from storeflow.cli.demo import processes
from storeflow.cli.demo.board import StoreBoard
from storeflow.cli.demo.command import Sample
from storeflow.cli.demo.processes import follow, store_of
from storeflow.sample_store.render import render

SECONDS = 10
VICTIMS = ("zone_analytics", "upstream_router", "inference", "video_capture")
"""The last plays the clip once more from its beginning, so that every frame of it is seen after the kills."""
FRAMES_BETWEEN_KILLS = 3


class Killing(StoreBoard):
    """A board that kills one module after the other: the next when the one before is back and frames come again."""

    def __init__(self, supervisor: Supervisor, *given: Any) -> None:
        super().__init__(*given)
        self._supervisor, self._left, self._frames_at_kill = supervisor, list(VICTIMS), 0

    def take_frames(self, of_process: int) -> None:
        """Count them, and perhaps kill somebody."""
        super().take_frames(of_process)
        all_run = all(status.pid is not None for status in self.modules.values())
        if self._left and all_run and self.frames >= self._frames_at_kill + FRAMES_BETWEEN_KILLS:
            self._frames_at_kill = self.frames
            self._supervisor.kill(self._left.pop(0))


def test_a_run_in_which_every_module_is_killed_comes_to_its_end(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "Supervisor", partial(Supervisor, backoff_scale=0.01))
    root = tmp_path_factory.mktemp("run")  # not tmp_path: a socket's path has at most 107 bytes
    sample = render(root / "sample", seconds=SECONDS)
    played, output = Sample.of(sample), io.StringIO()
    with store_of(root / "store", sample.video, played.camera, speed=1.0) as supervisor:
        board = Killing(supervisor, played.layout, played.truth)
        events = follow(supervisor, board, Console(file=output), speed=1.0)

    assert board.started_again == set(VICTIMS)
    assert f"frame {played.truth['frames']} of {played.truth['frames']}, " in board.headline()
    assert board.headline().endswith(f"started again: {', '.join(sorted(VICTIMS))}")
    assert Counter(event.id for event in events).most_common(1)[0][1] == 1
    true, counted = played.truth["lines"]["entrance"], board.tally.lines["entrance"]
    assert (counted["in"] >= true["in"], counted["out"] >= true["out"]) == (True, True)
