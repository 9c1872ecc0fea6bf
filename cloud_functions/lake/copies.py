"""Which of several copies of an event silver has: a rule that the order of refining has no part in. Pure.

An event may come again: by the same partition in a batch with other boundaries, by another one, out of quarantine.
Copies are one event where `source`, `id` and `captured_at` are the same; the one that landed first is the event's row,
and of those that landed at once the first by file, message and place. An honest `id` is a digest in which `captured_at`
has its part, so that the third adds nothing to the first two; it lets copies be looked for only in files of their time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pyarrow as pa

KEY = ("source", "id", "captured_at")
ORDER = ("ingested_at", "bronze_file", "sequence_number", "place")

_SPANS = 64
_NEAR = timedelta(minutes=1)


class Judged(NamedTuple):
    """What of some rows silver gets."""

    fresh: pa.Table
    """Of events that it has not."""
    better: pa.Table
    """In place of the copies that it has."""


def first_copies(rows: pa.Table) -> pa.Table:
    """Each event once: of its copies the one that the rule above says, in that order."""
    rows = rows.sort_by([(name, "ascending") for name in ORDER])
    numbered = rows.select(list(KEY)).append_column("number", pa.array(range(rows.num_rows), pa.int64()))
    first = numbered.group_by(list(KEY), use_threads=False).aggregate([("number", "min")])
    return rows.take(first["number_min"].sort())


def judged(rows: pa.Table, known: pa.Table) -> Judged:
    """Hold rows, each of another event, against the copies that silver has.

    Args:
        rows: new ones.
        known: at least the columns `KEY` and `ORDER` of the rows of silver that may be copies.
    """
    mine = rows.select([*KEY, *ORDER]).append_column("number", pa.array(range(rows.num_rows), pa.int64()))
    theirs = known.select([*KEY, *ORDER]).rename_columns([*KEY, *(f"known_{name}" for name in ORDER)])
    copied = mine.join(theirs, list(KEY), join_type="inner").to_pylist()
    seen = {row["number"] for row in copied}
    better = sorted(row["number"] for row in copied if _order(row) < _order(row, "known_"))
    fresh = [number for number in range(rows.num_rows) if number not in seen]
    return Judged(rows.take(pa.array(fresh, pa.int64())), rows.take(pa.array(better, pa.int64())))


def spans(times: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Some spans, `_SPANS` at most, that all times are in and as little else as possible.

    The first and the last moment of a span belong to it.
    """
    ordered = sorted(set(times))
    if not ordered:
        return []
    gaps = sorted(((after - before, before, after) for before, after in pairwise(ordered)), reverse=True)
    cuts = sorted((before, after) for gap, before, after in gaps[: _SPANS - 1] if gap > _NEAR)
    firsts = [ordered[0], *(after for _, after in cuts)]
    lasts = [*(before for before, _ in cuts), ordered[-1]]
    return list(zip(firsts, lasts, strict=True))


def _order(row: dict[str, object], prefix: str = "") -> tuple[object, ...]:
    """A copy's place among others; rows of a version that had no `place` come first."""
    landed, file, number, place = (row[f"{prefix}{name}"] for name in ORDER)
    return landed, file, number, -1 if place is None else place
