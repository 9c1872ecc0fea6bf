"""Which of many waiting events go next, so that the present is not late for the sake of the past. Pure.

After hours without a line an outbox holds a hundred thousand events, and new ones come in behind them. In their order
the newest would be hours late. Newest first, the oldest would wait for ever while as many come in as go out. So
of each round one share goes to the newest and the rest to the oldest.
"""

from collections.abc import Sequence

from storeflow.host.outbox import Row

LIVE_SHARE = 0.5
"""Of each round, for the newest."""


def live_places(limit: int) -> int:
    """How many of `limit` places are for the newest: at least one, and never all; of one place none."""
    return min(limit - 1, max(1, int(limit * LIVE_SHARE)))


def what_next(oldest: Sequence[Row], newest: Sequence[Row], limit: int) -> list[Row]:
    """Choose up to `limit` rows: the newest first where not all fit, all in their order otherwise.

    Args:
        oldest: the oldest, oldest first, up to `limit`.
        newest: the newest, newest first; none where `oldest` are all that wait.
        limit: how many may go.
    """
    live = list(newest[: live_places(limit)])
    chosen = {row.id for row in live}
    rest = [row for row in oldest if row.id not in chosen]
    return live + rest[: limit - len(live)]
