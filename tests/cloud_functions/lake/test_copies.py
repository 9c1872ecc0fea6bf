import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from cloud_functions.lake.copies import KEY, ORDER, first_copies, judged, spans

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def copy(name: str = "a", landed: int = 0, file: str = "f", number: int = 0, place: int | None = 0) -> tuple[Any, ...]:
    return "//hub/box/door", name, NOON, NOON + timedelta(seconds=landed), file, number, place


def table(*copies: tuple[Any, ...]) -> pa.Table:
    moment = pa.timestamp("us", "UTC")
    kinds = (pa.string(), pa.string(), moment, moment, pa.string(), pa.int64(), pa.int64())
    schema = pa.schema(list(zip((*KEY, *ORDER), kinds, strict=True)))
    return pa.Table.from_pylist([dict(zip(schema.names, one, strict=True)) for one in copies], schema=schema)


WORSE = {
    "it landed later": copy(landed=1),
    "it is in a file behind": copy(file="g"),
    "it is of a message behind": copy(number=1),
    "it is behind in its message": copy(place=1),
    "it landed later, in a file before": copy(landed=1, file="e"),
    "it is in a file behind, of a message before": copy(file="g", number=-1),
}


@pytest.mark.parametrize("name", WORSE)
def test_of_two_copies_the_one_that_landed_first_is_the_row(name: str) -> None:
    worse, best = table(WORSE[name]), table(copy())
    assert first_copies(table(WORSE[name], copy())) == first_copies(table(copy(), WORSE[name])) == best
    assert judged(best, worse) == (best.slice(1), best)
    assert judged(worse, best) == judged(best, best) == (best.slice(1), best.slice(1))


def test_what_silver_has_no_copy_of_is_fresh() -> None:
    other = copy("b")
    fresh, better = judged(table(copy(), other), table(copy(), copy("c")))
    assert (fresh, better.num_rows) == (table(other), 0)


def test_a_row_of_a_version_that_had_no_place_is_never_worse() -> None:
    assert judged(table(copy()), table(copy(place=None))).better.num_rows == 0


def test_events_of_other_times_are_no_copies_though_source_and_id_are_the_same() -> None:
    later = (*copy()[:2], NOON + timedelta(days=400), *copy()[3:])
    assert first_copies(table(copy(), later)).num_rows == 2
    assert judged(table(later), table(copy())).fresh == table(later)


def test_all_times_are_in_spans_that_are_few_and_leave_out_the_longest_gaps() -> None:
    rng = random.Random(5)  # noqa: S311 - disorder, no secret
    hours = rng.sample(range(10_000), 500)
    times = [NOON + timedelta(hours=hour, seconds=rng.uniform(0, 50)) for hour in hours for _ in range(3)]
    found = spans(times)
    assert len(found) == 64
    assert all(sum(first <= time <= last for first, last in found) == 1 for time in times)
    left_out = [after[0] - before[1] for before, after in pairwise(found)]
    assert min(left_out) >= timedelta(hours=39)


def test_one_burst_is_one_span_and_its_first_and_last_moment_belong_to_it() -> None:
    times = [NOON + timedelta(seconds=seconds) for seconds in (30, 0, 45, 89)]
    assert spans(times) == [(NOON, NOON + timedelta(seconds=89))]
    assert spans([NOON]) == [(NOON, NOON)]
    assert spans([]) == []
