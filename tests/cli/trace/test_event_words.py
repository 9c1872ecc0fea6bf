import re
from pathlib import Path

import pytest

from storeflow.cli.trace.event_words import in_words
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS, StoreEvent


@pytest.fixture(scope="module")
def examples(repository: Path) -> dict[str, StoreEvent]:
    """One event of every type, as docs/event-examples.md has it."""
    page = (repository / "docs" / "event-examples.md").read_text()
    blocks = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    events = [CloudEvent.from_json(block.encode()) for block in blocks]
    return {event.type: event.data for event in events}


def test_every_event_has_words_of_its_own(examples: dict[str, StoreEvent]) -> None:
    assert examples.keys() == EVENT_MODELS.keys()
    assert len({in_words(event) for event in examples.values()}) == len(EVENT_MODELS)


@pytest.mark.parametrize(
    ("event_type", "change", "told"),
    [
        ("line.crossed", {"reason": "edge"}, "edge: the line was crossed out of sight, at the picture's edge"),
        ("line.crossed", {"staff": True}, "; by somebody who works here"),
        ("line.crossed", {"group_id": "7", "buying_unit": False}, "with group 7, whose unit another of them carries"),
        ("zone.exited", {"dwell_seconds": 6.2, "censored": None}, ", after 6.2 s"),
        ("zone.exited", {"dwell_seconds": 6.2, "censored": "start"}, "at least 6.2 s: its start was not seen"),
        ("zone.exited", {"censored": "both"}, ": neither its start nor its end was seen"),
        ("zone.entered", {"staff": True}, "; by somebody who works here"),
        (
            "queue.left",
            {"outcome": "lost", "wait_seconds": 3, "censored": "end"},
            ", lost, after at least 3 s: its end",
        ),
        ("person.recognised", {"crossing_ids": ("a", "b")}, "crossings of theirs before: a, b"),
        ("person.recognised", {"crossing_ids": ()}, "works here: stayed where only staff stays"),
    ],
)
def test_what_matters_is_said(
    event_type: str, change: dict[str, object], told: str, examples: dict[str, StoreEvent]
) -> None:
    assert told in in_words(examples[f"storeflow.{event_type}"].model_copy(update=change))
