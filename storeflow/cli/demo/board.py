"""What the store counted so far, beside what was rendered, and how its modules are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from local_azure.supervisor.restart_policy import ModuleStatus
from storeflow.cli.count.live import Board
from storeflow.contract.twins import Layout

_NOT_KNOWN = "?"
"""In place of what is to come, of a line, zone, queue or area that the truth has not."""


class StoreBoard(Board):
    """What came so far, beside what is to come."""

    headings: ClassVar[Sequence[str]] = ("", "so far", "in all")

    def __init__(self, layout: Layout, truth: dict[str, Any]) -> None:
        super().__init__(layout)
        self.modules: Mapping[str, ModuleStatus] = {}
        self.started_again: set[str] = set()
        """Modules, and perhaps edgeHub, whose process ended while the clip played."""
        self._truth = truth
        self._frames_before = self._frames_of_process = 0

    def take_frames(self, of_process: int) -> None:
        """Count frames by the counter of a process; one that was started again begins at 0."""
        if of_process < self._frames_of_process:
            self._frames_before += self._frames_of_process
        self._frames_of_process = of_process
        self.frames = self._frames_before + of_process

    def take_status(self, modules: Mapping[str, ModuleStatus]) -> None:
        """Take in how every module is."""
        self.modules = modules
        self.started_again |= {name for name, status in modules.items() if status.last_exit_code is not None}

    def headline(self) -> str:
        """Everything in one line. A clip that begins again has no more frames for that."""
        frames = min(self.frames, self._truth["frames"])
        again = f", started again: {', '.join(sorted(self.started_again))}" if self.started_again else ""
        events = super().headline().partition(", ")[2]
        return f"frame {frames} of {self._truth['frames']}, {events}{again}"

    def rows(self) -> Iterator[Sequence[str]]:
        """Counts beside the true ones, followed by the modules."""
        true = {f"{name}: {way}": line[way] for name, line in self._truth["lines"].items() for way in ("in", "out")}
        true |= {f"{name}: visits": len(zone["visits"]) for name, zone in self._truth["zones"].items()}
        for what, so_far in super().rows():
            yield what, so_far, str(true.get(what, _NOT_KNOWN))
        for module_id, status in self.modules.items():
            restarts = f", started again {status.restart_count}x" if status.restart_count else ""
            yield f"[dim]{module_id}", f"[dim]{status.status.value}{restarts}", ""
