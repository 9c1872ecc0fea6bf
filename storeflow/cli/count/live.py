"""What was counted so far, as a calm table; without a terminal, as a line every ten seconds."""

import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import ClassVar, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from storeflow.cli.count.summary import Tally
from storeflow.cli.text import counted
from storeflow.contract.twins import Layout

SECONDS_BETWEEN_LINES = 10.0
MAX_ROWS = 30


class Board:
    """What came so far."""

    headings: ClassVar[Sequence[str]] = ("", "so far")

    def __init__(self, layout: Layout) -> None:
        self.frames = 0
        self.tally = Tally(layout)

    def headline(self) -> str:
        """Everything in one line."""
        return f"{counted(self.frames, 'frame')}, {counted(self.tally.events, 'event')}"

    def rows(self) -> Iterable[Sequence[str]]:
        """A cell for each heading."""
        for line_id, line in self.tally.lines.items():
            yield f"{line_id}: in", str(line["in"])
            yield f"{line_id}: out", str(line["out"])
        for zone_id, visits in self.tally.visits.items():
            yield f"{zone_id}: visits", f"{visits}, {self.tally.inside.get(zone_id, 0)} inside"
        for queue_id, (length, served) in self.tally.queues.items():
            yield f"{queue_id}: waiting", f"{length}, {served} served now"
        for area_id, (inside, bound) in self.tally.areas.items():
            yield f"{area_id}: inside", f"{inside}, give or take {bound}"

    def table(self) -> Table:
        """At most `MAX_ROWS` rows."""
        table = Table(box=None, pad_edge=False, title=self.headline(), title_justify="left", title_style="bold")
        for heading in self.headings:
            table.add_column(heading, justify="right" if heading else "left", min_width=14)
        for row in list(self.rows())[:MAX_ROWS]:
            table.add_row(*row)
        return table

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
