from itertools import zip_longest

from hypothesis import given
from hypothesis import strategies as st

from storeflow.host.outbox import Row
from storeflow.host.packet import array, in_groups, single
from storeflow.transport.port import JSON


def row(number: int, size: int) -> Row:
    return Row(number, number.to_bytes(16, "big"), {"eventType": "t", "traceparent": str(number)}, b"7" * size)


@given(sizes=st.lists(st.integers(1, 60), max_size=40), max_events=st.integers(1, 9))
def test_groups_are_as_large_as_may_be_and_no_larger(sizes: list[int], max_events: int) -> None:
    rows = [row(number, size) for number, size in enumerate(sizes)]

    groups = list(in_groups(rows, max_events, 100))

    assert [each for group in groups for each in group] == rows
    for group, following in zip_longest(groups, groups[1:]):
        assert len(group) <= max_events
        assert len(array(group, compress=False).body) <= 100
        if following and len(group) < max_events:
            assert len(array((*group, following[0]), compress=False).body) > 100


def test_a_row_that_is_too_large_for_any_group_is_alone() -> None:
    rows = [row(1, 10), row(2, 500), row(3, 10)]
    assert list(in_groups(rows, 9, 100)) == [(each,) for each in rows]


def test_a_message_of_one_says_all_of_its_event_and_an_array_what_its_events_share() -> None:
    first, second = row(1, 10), row(2, 10)
    assert single(first)[1:] == (first.body, JSON, first.properties, first.key.hex())
    assert array((first, second), compress=False).properties == {"eventType": "t"}
