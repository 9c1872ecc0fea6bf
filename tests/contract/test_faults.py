"""Documents with all sorts of things wrong: our words for each, and whether the JSON schemas say the same."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter, ValidationError

from modules.inference.model_card import ModelCard
from storeflow.contract.faults import faults
from storeflow.contract.schema import twin_schema
from storeflow.contract.twins import SECTION_NAMES, Cameras, Layout, Models, Telemetry, read_section, section_schema
from storeflow.errors import ConfigError

CORNERS = [[0, 0], [0.5, 0], [0.5, 0.5]]
SECTIONS: dict[str, tuple[TypeAdapter[Any], Any]] = {
    "cameras": (
        TypeAdapter(Cameras),
        {
            "clip": {
                "url": "file:a.mp4",
                "fps": 5,
                "region": [0, 0, 1, 1],
                "masks": {"till": CORNERS},
                "playback": {"pace": "lossless", "speed": 2, "starts_at": "2026-01-05T09:00:00Z"},
            },
            "live": {"url": "rtsp://camera/1", "credentials_ref": "live", "freeze_seconds": 5},
        },
    ),
    "models": (TypeAdapter(Models), {"person": {"name": "n", "threshold": 0.5, "tracker": "bytetrack"}}),
    "layout": (
        TypeAdapter(Layout),
        {
            "spatial_analysis": True,
            "lines": {"door": {"start": [0, 0], "end": [1, 1], "in": "left", "camera_id": "a", "object_class": "car"}},
            "zones": {
                "aisle": {
                    "polygon": CORNERS,
                    "margin": 0.1,
                    "focus": "center",
                    "reentry_seconds": 1,
                    "min_visit_seconds": 1,
                    "min_dwell_seconds": 1,
                    "dwell_interval_seconds": 1,
                    "occupancy_interval_seconds": 1,
                    "staff_only": True,
                    "staff_seconds": 1,
                }
            },
            "queues": {"till": {"polygon": CORNERS, "service": CORNERS, "served_seconds": 1, "min_wait_seconds": 1}},
            "areas": {"shop": {"lines": {"door": "in"}, "reset_at": "05:00", "time_zone": "Europe/Berlin"}},
        },
    ),
    "telemetry": (
        TypeAdapter(Telemetry),
        {
            "sinks": {
                "cloud": {"kind": "upstream"},
                "hub": {
                    "kind": "event_hub",
                    "namespace": "contoso.servicebus.windows.net",
                    "event_hub": "telemetry",
                    "credentials_ref": "event-hub",
                    "events": ["storeflow.queue.*"],
                    "alerts": ["storeflow.queue.length"],
                    "batch": {"max_events": 500, "max_seconds": 10},
                    "compress": True,
                    "time_to_live": {"live": {"events": "storeflow.queue.length", "seconds": 60}},
                    "max_bytes_per_second": 50_000,
                },
                "file": {"kind": "ndjson", "file": "a.ndjson", "max_bytes": 2_000_000},
                "other": {"kind": "spatial_analysis"},
            },
            "windows": {"mode": "beside"},
        },
    ),
    "model card": (
        TypeAdapter(ModelCard),
        {
            "model": {
                "task": "person",
                "name": "n",
                "file": "n.onnx",
                "sha256": "0" * 64,
                "licence": "Apache-2.0",
                "source": "here",
                "url": "https://models.example/n.onnx",
            },
            "input": {
                "width": 64,
                "height": 64,
                "layout": "nchw",
                "colour": "rgb",
                "fit": "stretch",
                "pad": 0,
                "mean": [0, 0, 0],
                "std": [1, 1, 1],
            },
            "output": {
                "decoder": "yolox",
                "labels": ["person"],
                "keep": ["person"],
                "threshold": 0.5,
                "nms_iou": 0.5,
            },
            "engine": {"precision": "bf16"},
        },
    ),
}
WRONG: list[Any] = [
    None,
    True,
    False,
    -1,
    0,
    1,
    0.5,
    7.5,
    2e6,
    1767225600,
    1e300,
    float("nan"),
    "",
    "x y",
    "x" * 3000,
    "9" * 5000,
    "0.5",
    "10",
    "true",
    "1767225600",
    "2026-01-05T09:00:00",
    [],
    [7],
    [0.1],
    [0.1, "0.5"],
    [0.1, True],
    [0.1, 0.2, 0.3],
    [[0]] * 70,
    {},
    {"x": 0.1, "y": 0.2},
    {"x y": 7},
]
ONLY_A_READER_SEES = re.compile(
    "begins with none of|crosses itself|has no area|not a finite|nan.* is outside the frame|no line of that name|"
    "no time zone is called"
)
OF_PYDANTIC = re.compile(
    r"Input|should|[Vv]alid|Field|required|Unable|Extra|tuple|Tuple|dict|float|string|instance|tag|permitted|match"
)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def values(node: Any) -> Iterator[Any]:
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from values(child)


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    document = copy.deepcopy(document)
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return document


def without(document: Any, path: tuple[Any, ...], also: Mapping[str, Any]) -> Any:
    """The document without what is at `path`, and with `also` beside."""
    document = copy.deepcopy(document)
    node = document
    for key in path[:-1]:
        node = node[key]
    del node[path[-1]]
    if isinstance(node, dict):
        node.update(also)
    return document


def wrong(document: Any) -> Iterator[Any]:
    for path in places(document):
        yield from (changed(document, path, value) for value in WRONG)
        if path:
            yield without(document, path, {})
            yield without(document, path, {"fsp": 1, "a b": {"url": 7}})


@pytest.mark.parametrize("name", SECTIONS)
def test_no_error_speaks_pydantics_words(name: str) -> None:
    adapter, document = SECTIONS[name]
    adapter.validate_python(document)
    kinds = set()
    for one in wrong(document):
        try:
            adapter.validate_python(one)
        except ValidationError as error:
            kinds |= {problem["type"] for problem in error.errors()}
            told = faults(error, one, name)
            assert told, one
            for fault in told:
                path, separator, fact = fault.partition(": ")
                assert path.startswith(name), fault
                assert separator, fault
                assert not OF_PYDANTIC.search(fact), fault
                assert not re.search(r"[{}]|\bthe form\b|not what is expected", fact), fault
    assert len(kinds) >= 8, kinds


@pytest.mark.parametrize("name", SECTION_NAMES)
def test_a_section_and_its_schema_refuse_the_same(name: str) -> None:
    schema, document = twin_schema(name), SECTIONS[name][1]
    written = {path[-1] for path in places(document) if path}
    settings = {setting for part in schema.get("$defs", {}).values() for setting in part["properties"]}
    assert settings - written == set()
    validator, refused_by_both = Draft202012Validator(schema), 0
    for one in wrong(document):
        if any(value is None for value in values(one)):
            continue  # in a twin null takes a setting out, before a module sees it
        of_reader: list[str] = []
        try:
            read_section(name, one)
        except ConfigError as error:
            of_reader = error.problems
        if validator.is_valid(one):
            assert [problem for problem in of_reader if not ONLY_A_READER_SEES.search(problem)] == [], one
        else:
            assert of_reader, one
            refused_by_both += 1
    assert refused_by_both > 100


def test_every_form_that_a_text_must_have_is_described_by_an_example_or_in_words() -> None:
    schemas = [*(section_schema(name) for name in SECTIONS if name != "model card"), ModelCard.model_json_schema()]
    patterns = set(_patterns(schemas))
    assert len(patterns) >= 6
    for pattern in patterns:
        with pytest.raises(ValidationError) as refused:
            TypeAdapter(Annotated[str, Field(pattern=pattern)]).validate_python("\n")
        (told,) = faults(refused.value, "\n", "name")
        assert "the form" not in told


def _patterns(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for child in node:
            yield from _patterns(child)
    elif isinstance(node, dict):
        if isinstance(node.get("pattern"), str) and node.get("format") != "date-time":  # that has an example of its own
            yield node["pattern"]
        yield from node.get("patternProperties", {})
        for child in node.values():
            yield from _patterns(child)


@pytest.mark.parametrize(
    ("name", "path", "value", "told"),
    [
        ("cameras", (), 3, "cameras: is a number, an object is expected"),
        ("cameras", ("clip",), None, "cameras.clip: is null, an object is expected"),
        ("cameras", ("clip", "fps"), "ten", 'cameras.clip.fps: is text, a number is expected: 10, not "10"'),
        ("cameras", ("clip", "fps"), "7", 'cameras.clip.fps: is text, a number is expected: 10, not "10"'),
        ("cameras", ("clip", "fps"), True, "cameras.clip.fps: is true or false, a number is expected"),
        (
            "cameras",
            ("clip", "region", 1),
            "0.5",
            'cameras.clip.region[1]: is text, a number is expected: 10, not "10"',
        ),
        ("cameras", ("clip", "fps"), {}, "cameras.clip.fps: is an object, a number is expected"),
        ("cameras", ("clip", "region"), [0, 0, 1], "cameras.clip.region[3]: is missing"),
        ("cameras", ("clip", "region"), [0] * 5, "cameras.clip.region: has 5 entries, at most 4 possible"),
        (
            "cameras",
            ("clip", "masks", "till", 1),
            3,
            "cameras.clip.masks.till[1]: is a number, a point [x, y] is expected",
        ),
        (
            "cameras",
            ("clip", "masks", "till", 1),
            {"x": 0.1, "y": 0.2},
            "cameras.clip.masks.till[1]: is an object, a point [x, y] is expected",
        ),
        (
            "cameras",
            ("clip", "masks", "till"),
            [[0, 0], [1, 1]],
            "cameras.clip.masks.till: has 2 corners, 3 to 64 are needed",
        ),
        (
            "cameras",
            ("clip", "masks", "a b"),
            CORNERS,
            "cameras.clip.masks.a b: an id has 1 to 64 of the characters A-Z a-z 0-9 _ -",
        ),
        ("cameras", ("live", "freeze_seconds"), 1e5, "cameras.live.freeze_seconds: at most 86,400 is expected"),
        (
            "cameras",
            ("clip", "playback", "starts_at"),
            1767225600,
            "cameras.clip.playback.starts_at: is no time such as 2026-01-05T09:00:00Z",
        ),
        (
            "cameras",
            ("clip", "playback", "starts_at"),
            "2026-01-05T09:00:00",
            "cameras.clip.playback.starts_at: has no time zone: 2026-01-05T09:00:00Z has one, Z for UTC",
        ),
        ("models", ("face",), {"name": "n"}, "models.face: person or vehicle is expected"),
        ("layout", ("spatial_analysis",), "maybe", "layout.spatial_analysis: is text, true or false is expected"),
        (
            "layout",
            ("zones", "aisle", "staff_only"),
            1,
            "layout.zones.aisle.staff_only: is a number, true or false is expected",
        ),
        (
            "layout",
            ("lines", "door", "start"),
            [0.1, "0.5"],
            'layout.lines.door.start[1]: is text, a number is expected: 10, not "10"',
        ),
        ("layout", ("zones", "aisle", "fcus"), "center", "layout.zones.aisle.fcus: there is no such setting"),
        ("telemetry", ("sinks", "cloud"), {}, "telemetry.sinks.cloud.kind: is missing"),
        (
            "telemetry",
            ("sinks", "cloud", "kind"),
            "mqtt",
            "telemetry.sinks.cloud.kind: one of upstream, event_hub, ndjson, spatial_analysis is expected",
        ),
        (
            "telemetry",
            ("sinks", "file", "max_bytes"),
            7,
            "telemetry.sinks.file.max_bytes: at least 1,000,000 is expected",
        ),
        (
            "telemetry",
            ("sinks", "file", "max_bytes"),
            2_000_000.5,
            "telemetry.sinks.file.max_bytes: has a fraction, a whole number is expected",
        ),
        ("model card", ("output", "labels"), [], "model card.output.labels: has 0 entries, at least 1 needed"),
        ("model card", ("output", "keep"), ["car"], "model card.output.keep: car not among labels"),
        (
            "model card",
            ("model", "sha256"),
            "x",
            "model card.model.sha256: a SHA-256 is expected: 64 of the characters 0-9 a-f",
        ),
    ],
)
def test_a_fault_says_what_is_expected(name: str, path: tuple[Any, ...], value: Any, told: str) -> None:
    adapter, document = SECTIONS[name]
    one = changed(document, path, value)
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(one)
    assert faults(refused.value, one, name) == [told]


def test_entries_that_are_wrong_themselves_do_not_count_as_too_few() -> None:
    adapter, document = SECTIONS["model card"]
    one = changed(document, ("output", "labels"), [7])
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(one)
    assert faults(refused.value, one) == ["output.labels[0]: is a number, text is expected"]


def test_what_was_written_is_not_repeated() -> None:
    adapter, document = SECTIONS["cameras"]
    for path in places(document):
        one = changed(document, path, "hunter2 hunter2")
        with pytest.raises(ValidationError) as refused:
            adapter.validate_python(one)
        assert "hunter2" not in " ".join(faults(refused.value, one))


@pytest.mark.parametrize("name", SECTION_NAMES)
def test_half_a_character_is_refused_wherever_it_stands(name: str) -> None:
    document = SECTIONS[name][1]
    inside_objects = [path for path in places(document) if path and isinstance(path[-1], str)]
    values = [changed(document, path, "\ud800") for path in places(document)]
    keys = [changed(document, (*path[:-1], "\ud800"), 7) for path in inside_objects]
    for one in (*values, *keys):
        with pytest.raises(ConfigError) as refused:
            read_section(name, one)
        assert not OF_PYDANTIC.search(str(refused.value))
