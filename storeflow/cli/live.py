"""What is happening in the store, as a calm table; without a terminal, as a line every ten seconds."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from local_azure.supervisor.restart_policy import ModuleStatus
from storeflow.cli.summary import Tally
from storeflow.cli.words import counted
from storeflow.contract.twins import Layout

SECONDS_BETWEEN_LINES = 10.0
MOST_ROWS = 30
_NOT_KNOWN = "?"
"""In place of what is to come, of a line or zone that was added while it played."""


class Board:
    """What came so far, beside what is to come."""

    def __init__(self, layout: Layout, truth: dict[str, Any]) -> None:
        self.truth, self.frames = truth, 0
        self.tally = Tally(layout)
        self.modules: Mapping[str, ModuleStatus] = {}

    def table(self) -> Table:
        """At most `MOST_ROWS` rows."""
        table = Table(box=None, pad_edge=False, title=self.headline(), title_justify="left", title_style="bold")
        for heading in ("", "so far", "in all"):
            table.add_column(heading, justify="right" if heading else "left", min_width=14)
        for line_id, line in self.tally.lines.items():
            true = self.truth["lines"].get(line_id, {})
            table.add_row(f"{line_id}: in", str(line["in"]), str(true.get("in", _NOT_KNOWN)))
            table.add_row(f"{line_id}: out", str(line["out"]), str(true.get("out", _NOT_KNOWN)))
        for zone_id, visits in self.tally.visits.items():
            inside = f"{visits}, {self.tally.inside.get(zone_id, 0)} inside"
            true = self.truth["zones"].get(zone_id)
            table.add_row(f"{zone_id}: visits", inside, _NOT_KNOWN if true is None else str(len(true["visits"])))
        for module_id, status in list(self.modules.items())[: MOST_ROWS - table.row_count]:
            restarts = f", started again {status.restart_count}x" if status.restart_count else ""
            table.add_row(module_id, f"{status.status.value}{restarts}", "", style="dim")
        return table

    def headline(self) -> str:
        """Everything in one line."""
        return f"frame {self.frames} of {self.truth['frames']}, {counted(self.tally.events, 'event')}"

    def line(self) -> str:
        """Everything in one longer line, for a log."""
        return ", ".join((self.headline(), *self.tally.captions()))


class LiveView:
    """Shows a board while something runs."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board, self._console = board, console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._next_line_at = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def refresh(self) -> None:
        """Show what changed, as often as one likes to call it."""
        if self._live is not None:
            self._live.update(self._board.table(), refresh=True)
        elif time.monotonic() >= self._next_line_at:
            self._next_line_at = time.monotonic() + SECONDS_BETWEEN_LINES
            self._console.print(self._board.line(), soft_wrap=True, highlight=False)
