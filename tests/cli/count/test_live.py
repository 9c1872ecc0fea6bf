import io
from collections.abc import Callable
from typing import Any

from rich.console import Console

from storeflow.cli.count.live import Board, LiveView
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.twins import Layout


def test_what_was_counted_so_far_is_shown_without_what_is_to_come(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., list[CloudEvent]]
) -> None:
    board = Board(layout)
    board.tally.take(events_of(crossing(1.0, "in"), crossing(2.0, "in", "2")))
    board.frames = 20
    cells = [list(column.cells) for column in board.table().columns]
    assert [column.header for column in board.table().columns] == ["", "so far"]
    assert list(zip(*cells, strict=True)) == [("door: in", "2"), ("door: out", "0"), ("aisle: visits", "0, 0 inside")]
    assert board.line() == "20 frames, 2 events, door  in 2  out 0, aisle  visits 0"


def test_on_a_terminal_the_table_stands_until_it_is_over(layout: Layout) -> None:
    output = io.StringIO()
    with LiveView(Board(layout), Console(file=output, force_terminal=True, width=60)) as view:
        view.refresh()
    assert "0 frames, 0 events" in output.getvalue()
    assert "door: in" in output.getvalue()
