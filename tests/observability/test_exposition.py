from prometheus_client.parser import text_string_to_metric_families

from storeflow.observability.exposition import Exposition
from storeflow.observability.metrics import METRICS, Metric, labelled, split


def samples(text: bytes) -> dict[str, tuple[str, list[tuple[dict[str, str], float]]]]:
    """Type and values of everything of ours, by name."""
    families = text_string_to_metric_families(text.decode())
    return {
        family.name: (family.type, [(sample.labels, sample.value) for sample in family.samples])
        for family in families
        if family.name.startswith("storeflow_")
    }


def test_every_number_has_its_module_and_a_camera_where_it_is_of_one() -> None:
    numbers = {
        "frames_published": 7.0,
        labelled("camera_streaming", "door"): 1.0,
        labelled("camera_streaming", "aisle"): 0.0,
        "host_rows_waiting": 3.0,
    }
    assert samples(Exposition("capture-2", lambda: numbers).text()) == {
        "storeflow_frames_published": ("counter", [({"module": "capture-2"}, 7.0)]),
        "storeflow_camera_streaming": (
            "gauge",
            [({"module": "capture-2", "camera": "door"}, 1.0), ({"module": "capture-2", "camera": "aisle"}, 0.0)],
        ),
        "storeflow_host_rows_waiting": ("gauge", [({"module": "capture-2"}, 3.0)]),
    }


def test_what_has_no_entry_in_the_table_or_another_shape_than_it_is_not_exposed() -> None:
    numbers = {"no_such_number": 1.0, "camera_streaming": 1.0, labelled("frames", "door"): 1.0, "frames": 2.0}
    assert samples(Exposition("a", lambda: numbers).text()) == {
        "storeflow_frames": ("counter", [({"module": "a"}, 2.0)])
    }


def test_two_hosts_in_one_process_do_not_mix_and_tell_the_numbers_of_the_moment() -> None:
    numbers = {"frames": 1.0}
    first, second = Exposition("a", lambda: numbers), Exposition("b", lambda: {"frames": 5.0})
    numbers["frames"] = 2.0
    assert samples(first.text())["storeflow_frames"][1] == [({"module": "a"}, 2.0)]
    assert samples(second.text())["storeflow_frames"][1] == [({"module": "b"}, 5.0)]


def test_the_process_tells_its_memory_and_its_cpu_time() -> None:
    text = Exposition("a", dict).text().decode()
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert families["process_resident_memory_bytes"][0].value > 1_000_000
    assert families["process_cpu_seconds"][0].value > 0


def test_a_name_is_given_once_and_is_one_that_prometheus_takes() -> None:
    names = [metric.exposed_name for metric in METRICS]
    assert len(names) == len(set(names))
    for metric in METRICS:
        assert metric.exposed_name.startswith("storeflow_")
        assert metric.exposed_name.endswith("_total") == (metric.kind == "counter")
        assert metric.exposed_name.replace("_", "").isalnum()
        assert metric.exposed_name == metric.exposed_name.lower()
        assert metric.help.endswith(".")


def test_the_number_of_one_thing_is_taken_apart_as_it_was_put_together() -> None:
    assert split(labelled("camera_failed", "door-1")) == ("camera_failed", "door-1")
    assert split("frames") == ("frames", None)
    assert Metric("frames", "counter", "Looked at.").exposed_name == "storeflow_frames_total"
