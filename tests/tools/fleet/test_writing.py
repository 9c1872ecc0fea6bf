"""The templates against the contract's classes: the same bytes, of every kind of event."""

import re
from collections import Counter

import pytest

from storeflow.contract.cloudevents import CloudEvent, traceparent
from storeflow.contract.instant import as_text, instant
from tools.fleet.plan import Plan
from tools.fleet.stream import Arrival, arrivals
from tools.fleet.truth import Truth
from tools.fleet.writing import text_of

PLAN = Plan(stores=1, cameras=3, days=3, events=4000, seed=3)


@pytest.fixture(scope="module")
def played() -> list[Arrival]:
    return list(arrivals(PLAN.store(0), Truth()))


def test_an_event_is_what_the_contracts_classes_would_have_written(played: list[Arrival]) -> None:
    kinds: Counter[str] = Counter()
    for arrival in played:
        event = CloudEvent.from_json(arrival.event.body)
        kinds[event.type] += 1
        assert event.to_json() == arrival.event.body
        assert CloudEvent.of(event.data, source=event.source, id=event.id, subject=event.subject) == event.model_copy(
            update={"sequence": None}
        )
        assert event.traceparent == traceparent(event.source, event.id)

    assert set(kinds) == {
        "storeflow.line.crossed",
        "storeflow.line.u_turn",
        "storeflow.person.recognised",
        "storeflow.zone.entered",
        "storeflow.zone.exited",
        "storeflow.zone.dwelling",
        "storeflow.zone.occupancy",
        "storeflow.queue.arrived",
        "storeflow.queue.left",
        "storeflow.queue.length",
        "storeflow.camera.state",
        "storeflow.camera.coverage",
        "storeflow.layout.applied",
        "storeflow.stream.heartbeat",
    }


def test_ids_have_the_form_that_the_schema_asks_for(played: list[Arrival]) -> None:
    assert all(re.fullmatch("[0-9a-f]{32}", arrival.event.id) for arrival in played)


def test_no_two_events_share_an_id(played: list[Arrival]) -> None:
    names = [(arrival.event.source, arrival.event.id) for arrival in played if not arrival.is_again]
    assert len(names) == len(set(names))


def test_each_source_numbers_its_events_without_a_gap_as_they_happen(played: list[Arrival]) -> None:
    numbered: dict[str, list[tuple[int, int]]] = {}
    for arrival in played:
        if not arrival.is_again:
            number = int(CloudEvent.from_json(arrival.event.body).sequence or 0)
            numbered.setdefault(arrival.event.source, []).append((number, arrival.event.at))
    assert len(numbered) == 2 * PLAN.cameras
    for numbers in numbered.values():
        in_order = sorted(numbers)
        assert [number for number, _ in in_order] == list(range(1, len(numbers) + 1))
        assert [at for _, at in in_order] == sorted(at for _, at in in_order)


@pytest.mark.parametrize("at", [0, 999, 86_399_999, 1_792_800_000_123, 1_803_000_059_040])
def test_a_moment_is_written_as_the_contract_writes_it(at: int) -> None:
    assert text_of(at) == as_text(instant(at / 1000))
