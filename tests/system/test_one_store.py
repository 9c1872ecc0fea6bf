"""The sample store through all processes, as fast as they go: what is decided, and what becomes of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storeflow.sample_store.render import SampleStore

SECTIONS = {
    "video_capture": "cameras",
    "inference": "models",
    "zone_analytics": "layout",
    "upstream_router": "telemetry",
}


def decided(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What zone_analytics decided, in its order."""
    of_streams = {"storeflow.camera.state", "storeflow.layout.applied", "storeflow.stream.heartbeat"}
    chosen = [event for event in events if event["type"] not in of_streams]
    return sorted(chosen, key=lambda event: str(event["sequence"]))


@pytest.fixture(scope="module")
def played(new_store: Callable[..., Any], sample: SampleStore) -> Iterator[Any]:
    """The store after the clip, still running."""
    with new_store(sample.video, cameras={"entrance": {"playback": {"pace": "lossless", "speed": 100}}}) as store:
        store.wait_for(
            lambda: any(event["data"].get("state") == "ended" for event in store.events()), "the clip's end", 120
        )
        assert store.falls_quiet(30), store.logs()
        yield store


def test_the_processes_decide_the_same_as_one_process(
    played: Any, sample: SampleStore, in_one_process: Callable[..., list[dict[str, Any]]]
) -> None:
    layout = played.hub.desired("zone_analytics")["layout"]
    version = played.hub.twin("zone_analytics")["properties"]["desired"]["$version"]

    expected = in_one_process(played, sample.video, "entrance", layout, version)
    here = decided(played.events())

    assert {event["type"] for event in here} >= {"storeflow.line.crossed", "storeflow.zone.exited"}
    assert [{key: value for key, value in event.items() if key != "sequence"} for event in here] == expected


def test_every_event_is_in_the_file_and_in_the_cloud_exactly_once(played: Any) -> None:
    at_file, at_cloud = played.events(), [event for message in played.upstream() for event in message.events()]

    names = Counter((event["source"], event["id"]) for event in at_file)
    assert set(names.values()) == {1}
    assert Counter((event["source"], event["id"]) for event in at_cloud) == names
    assert sorted(map(str, at_cloud)) == sorted(map(str, at_file))


def test_the_numbers_of_every_source_have_no_hole(played: Any) -> None:
    numbers: dict[str, list[int]] = {}
    for event in played.events():
        numbers.setdefault(event["source"], []).append(int(event["sequence"]))

    assert numbers
    for source, found in numbers.items():
        assert sorted(found) == list(range(1, played.committed()[source] + 1)), source
    assert played.numbered_twice() == set()


@pytest.mark.parametrize(("module_id", "section"), SECTIONS.items())
def test_every_module_acknowledges_its_section(played: Any, module_id: str, section: str) -> None:
    version = played.hub.twin(module_id)["properties"]["desired"]["$version"]

    assert played.status(module_id, section) == {"ac": 200, "av": version, "ad": "in force"}


def test_alerts_leave_one_a_message_and_everything_else_in_compressed_arrays(played: Any) -> None:
    forms: dict[str, set[tuple[str, str]]] = {}
    for message in played.upstream():
        for event in message.events():
            form = message.system["contentType"], message.system["contentEncoding"]
            forms.setdefault(event["type"], set()).add(form)

    alone, together = ("application/json", "utf-8"), ("application/cloudevents-batch+json", "gzip")
    assert forms["storeflow.camera.state"] == {alone}
    assert forms["storeflow.line.crossed"] == forms["storeflow.zone.exited"] == {together}


def test_what_leaves_for_the_cloud_says_what_it_is_without_being_opened(played: Any) -> None:
    messages = played.upstream()
    assert messages
    for message in messages:
        events = message.events()
        types = {event["type"] for event in events}
        assert message.properties.get("eventType") == (types.pop() if len(types) == 1 else None)
        assert message.properties["storeId"] == events[0]["data"]["store_id"]
        assert message.system["connectionModuleId"] == "upstream_router"
        if message.system["contentType"] == "application/json":
            assert message.properties["traceparent"] == events[0]["traceparent"]
