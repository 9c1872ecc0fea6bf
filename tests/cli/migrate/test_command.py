import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from storeflow.cli.main import main
from storeflow.cli.migrate.spatial_analysis_camera import read_address
from storeflow.contract.twins import read_section

Document = dict[str, Any]
PASSWORD = "s3cret-Pass"  # noqa: S105 - what must not be found anywhere
LINE: Document = {
    "name": "door",
    "line": {"start": {"x": 0.1, "y": 0.5}, "end": {"x": 0.9, "y": 0.5}},
    "events": [{"type": "linecrossing", "config": {"trigger": "event", "focus": "bottom_center"}}],
}
ZONE: Document = {
    "name": "queue",
    "polygon": [[0.3, 0.3], [0.3, 0.9], [0.6, 0.9], [0.6, 0.3], [0.3, 0.3]],
    "events": [{"type": "zonecrossing", "config": {"focus": "footprint"}}],
}
PARAMETERS: Document = {
    "VIDEO_URL": f"rtsp://admin:{PASSWORD}@10.0.0.4:554/stream?profile=1",
    "VIDEO_SOURCE_ID": "entrance",
    "VIDEO_IS_LIVE": True,
    "SPACEANALYTICS_CONFIG": json.dumps({"lines": [LINE], "zones": [ZONE]}),
}
QUEUE = [[0.3, 0.3], [0.3, 0.9], [0.6, 0.9], [0.6, 0.3]]


class Migrated(NamedTuple):
    """What one call of the command did."""

    status: int
    document: Document
    notes: list[str]
    problems: list[str]


Migrate = Callable[..., Migrated]


@pytest.fixture
def migrate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Migrate:
    """`migrate(document, *options)`; whatever it printed holds no password."""
    path = tmp_path / "config.json"

    def run(document: object, *options: str) -> Migrated:
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        capsys.readouterr()
        status = main(["migrate", "spatial-analysis", str(path), *options])
        printed = capsys.readouterr()
        assert PASSWORD not in printed.out + printed.err
        told = printed.err.splitlines()
        return Migrated(
            status,
            json.loads(printed.out) if printed.out else {},
            [line.removeprefix("note: ") for line in told if line.startswith("note: ")],
            [line.removeprefix(f"{path}: ") for line in told if line.startswith(f"{path}: ")],
        )

    return run


def zone(**settings: Any) -> Document:
    return {"zones": [{**ZONE, **settings}]}


def of_camera(config: object, **parameters: Any) -> Document:
    return {**PARAMETERS, "SPACEANALYTICS_CONFIG": config, **parameters}


def manifest(*graphs: Document) -> Document:
    modules = {"spatialanalysis": {"properties.desired": {"graphs": {f"g{n}": one for n, one in enumerate(graphs)}}}}
    return {"modulesContent": {"$edgeAgent": {"properties.desired": {"modules": {"spatialanalysis": {}}}}, **modules}}


GRAPH = {"operationId": "cognitiveservices.vision.spatialanalysis", "enabled": True, "parameters": PARAMETERS}
INSTANCES = {
    "enabled": True,
    "parameters": {"VIDEO_IS_LIVE": True},
    "instances": {"1": {"sharedNodeMap": {}, "parameters": PARAMETERS}},
}
ENV = {name: {"value": value} for name, value in PARAMETERS.items()} | {"APIKEY": {"value": PASSWORD}}


@pytest.mark.parametrize(
    "document",
    [
        PARAMETERS,
        json.dumps(json.dumps(PARAMETERS)),
        GRAPH,
        INSTANCES,
        {"graphs": {"g": GRAPH}},
        {"properties": {"desired": {"graphs": {"g": GRAPH}}}},
        {"properties.desired": {"graphs": {"g": INSTANCES}}},
        manifest(GRAPH),
        {"content": manifest(INSTANCES)},
        {"modulesContent": {"spatialanalysis": {"properties.desired.graphs": {"g": GRAPH}}}},
        {"modulesContent": {"$edgeAgent": {"properties.desired": {"modules": {"old": {"env": ENV}}}}}},
    ],
    ids=str,
)
def test_the_configuration_is_found_wherever_it_was_kept(migrate: Migrate, document: object) -> None:
    status, found, _, problems = migrate(document)

    assert (status, problems) == (0, [])
    assert found == {
        "cameras": {
            "entrance": {"url": "rtsp://10.0.0.4:554/stream?profile=1", "credentials_ref": "entrance"},
        },
        "layout": {
            "spatial_analysis": True,
            "lines": {
                "door": {
                    "start": [0.1, 0.5],
                    "end": [0.9, 0.5],
                    "in": "right",
                    "focus": "bottom_center",
                    "camera_id": "entrance",
                }
            },
            "zones": {"queue": {"polygon": QUEUE, "focus": "footprint", "camera_id": "entrance"}},
        },
    }


@pytest.mark.parametrize("bare", [{"zones": [ZONE]}, json.dumps(json.dumps({"zones": [ZONE]}))])
def test_a_bare_configuration_has_no_camera_unless_one_is_named(migrate: Migrate, bare: object) -> None:
    status, document, notes, _ = migrate(bare)
    assert (status, document["layout"]["zones"]["queue"]) == (0, {"polygon": QUEUE, "focus": "footprint"})
    assert any(note.startswith("no camera is named") for note in notes)

    status, document, notes, _ = migrate(bare, "--camera-id", "till")
    assert (status, document["layout"]["zones"]["queue"]["camera_id"]) == (0, "till")
    assert "cameras" not in document
    assert not any(note.startswith("no camera is named") for note in notes)


def test_the_result_passes_the_linter_and_is_what_was_printed(migrate: Migrate, tmp_path: Path) -> None:
    printed = migrate(manifest(GRAPH)).document
    out = tmp_path / "storeflow.json"

    assert migrate(manifest(GRAPH), "--to", str(out)).document == {}

    assert json.loads(out.read_text()) == printed
    assert main(["twin", "lint", str(out)]) == 0
    assert "[0.3, 0.9]" in out.read_text(), "a point is one line"
    assert read_section("layout", printed["layout"]).lines["door"].in_ == "right"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("rtsp://camera/1", ("rtsp://camera/1", False)),
        ("RTSP://u:p@camera/1", ("rtsp://camera/1", True)),
        ("rtsps://u@camera:322", ("rtsps://camera:322", True)),
        ("rtsp://u:p@ss@camera/1?a=2#b", ("rtsp://camera/1?a=2#b", True)),
        ("rtsp://u:p?s#s@camera/1", ("rtsp://camera/1", True)),
    ],
)
def test_an_address_loses_its_user_name_and_password(url: str, address: tuple[str, bool]) -> None:
    assert read_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        f"rtsp://u:{PASSWORD}/x@camera/1",
        f"rtsp://camera/1?user=u&password={PASSWORD}",
        f"rtsp://camera/user=u_password={PASSWORD}_channel=1",
        f"http://u:{PASSWORD}@camera/clip.mp4",
        f"{PASSWORD}==",
        "<Replace RTSP URL here>",
        "",
        None,
    ],
)
def test_an_address_that_cannot_be_taken_over_costs_the_camera_and_not_its_zones(migrate: Migrate, url: object) -> None:
    status, document, notes, _ = migrate(of_camera({"zones": [ZONE]}, VIDEO_URL=url))

    assert status == 0
    assert "cameras" not in document
    assert document["layout"]["zones"]["queue"]["camera_id"] == "entrance"
    assert any(note.startswith("cameras.entrance: left out: VIDEO_URL ") for note in notes)


def test_a_password_that_got_into_the_name_of_a_camera_is_not_told_either(migrate: Migrate) -> None:
    document = of_camera({"zones": [ZONE]}, VIDEO_SOURCE_ID=PARAMETERS["VIDEO_URL"])
    assert list(migrate(manifest({"parameters": document})).document["cameras"]) == ["g0"]


def test_credentials_are_named_and_their_owner_is_told_where_they_belong(migrate: Migrate) -> None:
    notes = migrate(PARAMETERS).notes
    assert any("user:password into the secret entrance" in note for note in notes)
    without = migrate({**PARAMETERS, "VIDEO_URL": "rtsp://camera/1"})
    assert without.document["cameras"] == {"entrance": {"url": "rtsp://camera/1"}}
    assert not any("secret" in note for note in without.notes)


@pytest.mark.parametrize(
    ("threshold", "options", "parameters", "margin"),
    [
        (0.0253, (), {}, 0.0253),
        (13, ("--frame", "512x288"), {}, 0.025391),
        (35.0, (), {"INPUT_VIDEO_WIDTH": 1000}, 0.035),
        (35.0, ("--frame", "500x400"), {"INPUT_VIDEO_WIDTH": 1000}, 0.07),
        (0, (), {}, None),
    ],
)
def test_a_threshold_becomes_a_margin_in_widths_of_the_picture(
    migrate: Migrate, threshold: float, options: tuple[str, ...], parameters: Document, margin: float | None
) -> None:
    of_zone = migrate(of_camera(zone(threshold=threshold), **parameters), *options)
    event = {"type": "zonecrossing", "config": {"threshold": threshold, "focus": "footprint"}}
    of_event = migrate(of_camera(zone(events=[event]), **parameters), *options)

    assert of_zone.document == of_event.document
    assert of_zone.document["layout"]["zones"]["queue"].get("margin") == margin


def test_a_threshold_in_pixels_needs_the_width_of_the_picture(migrate: Migrate) -> None:
    status, document, _, problems = migrate(of_camera(zone(threshold=35.0)))
    assert status == 1
    assert "margin" not in document["layout"]["zones"]["queue"]
    (problem,) = problems
    assert problem.startswith("zone 'queue': threshold 35 is in pixels")
    assert "--frame" in problem


def test_a_count_by_interval_becomes_seconds(migrate: Migrate) -> None:
    count = {"type": "count", "config": {"trigger": "interval", "output_frequency": 5}}
    by_interval = migrate(of_camera(zone(events=[count])))
    assert by_interval.document["layout"]["zones"]["queue"]["occupancy_interval_seconds"] == 5
    assert any("reported every 5 s now" in note for note in by_interval.notes)

    on_change = migrate(of_camera(zone(events=[{"type": "count", "config": {"trigger": "event"}}])))
    assert "occupancy_interval_seconds" not in on_change.document["layout"]["zones"]["queue"]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (zone(target_side=1), "zone 'queue': target_side: not carried over"),
        (zone(events=[{"type": "zonecrossing", "output_frequency": 2}]), "zone 'queue': output_frequency 2: not"),
        (zone(events=[{"type": "facemask"}, {"type": "count"}]), "zone 'queue': events of type 'facemask': not known"),
        (
            zone(events=[{"type": "count"}, {"type": "persondistance"}]),
            "zone 'queue': persondistance: not carried over",
        ),
        (
            {"zones": [ZONE, {**ZONE, "name": "far", "events": [{"type": "persondistance"}]}]},
            "zone 'far': left out: persondistance",
        ),
        (
            zone(events=[{"type": "count", "config": {"focus": focus}} for focus in ("center", "footprint")]),
            "zone 'queue': focus footprint: not carried over: its other events have center",
        ),
        (
            zone(events=[{"type": "count", "config": {"threshold": share}} for share in (0.01, 0.02)]),
            "zone 'queue': threshold 0.02: not carried over",
        ),
        ({"lines": [{**LINE, "threshold": 0.02}]}, "line 'door': threshold: not carried over"),
        ({"lines": [LINE]}, "lines: CrossRight is taken for in"),
        (zone(name="Ladies' wear"), 'layout.zones.Ladies_wear: was called "Ladies\' wear"'),
    ],
)
def test_what_is_not_carried_over_or_has_another_name_is_told(migrate: Migrate, config: Document, told: str) -> None:
    status, _, notes, problems = migrate(of_camera(config))
    assert (status, problems) == (0, [])
    assert [note for note in notes if note.startswith(told)]


def test_every_parameter_that_is_not_carried_over_is_told_with_a_reason(migrate: Migrate) -> None:
    more = {"DETECTOR_NODE_CONFIG": "{}", "TRACKER_NODE_CONFIG": "{}", "CALIBRATION_CONFIG": "{}", "NEW": 1}
    shared = {"calibrator": {"parameters": {"CAMERACALIBRATOR_NODE_CONFIG": "{}"}}}
    notes = migrate(manifest({"parameters": PARAMETERS | more, "sharedNodes": shared})).notes

    told = {note.split(": ")[0]: note.split(": ", 1)[1] for note in notes if ": not carried over" in note}
    assert told.keys() == {f"g0.{name}" for name in (*more, "CAMERACALIBRATOR_NODE_CONFIG")}
    assert "CPU" in told["g0.DETECTOR_NODE_CONFIG"]
    assert told["g0.NEW"] == "not carried over: not known here"


def test_a_graph_that_was_off_stays_off(migrate: Migrate) -> None:
    off = {**GRAPH, "enabled": False}
    one_off = copy.deepcopy(INSTANCES)
    one_off["instances"]["1"]["enabled"] = False  # type: ignore[index]

    assert any(note == "g0: left out: it was not enabled" for note in migrate(manifest(off, INSTANCES)).notes)
    for document in (off, one_off):
        assert migrate(document).status == 1
        assert migrate(document).document == {}


def test_graphs_of_one_camera_become_one_camera_and_one_zone(migrate: Migrate) -> None:
    count = [{"type": "count", "config": {"trigger": "interval"}}]
    result = migrate(
        manifest(
            {"parameters": of_camera(zone())},
            {"parameters": of_camera(zone(events=count))},
            {"parameters": of_camera({"lines": [LINE]}, VIDEO_SOURCE_ID="entrance lines")},
        )
    )

    assert list(result.document["cameras"]) == ["entrance"]
    assert result.document["layout"]["zones"] == {
        "queue": {
            "polygon": QUEUE,
            "focus": "footprint",
            "camera_id": "entrance",
            "occupancy_interval_seconds": 1,
        }
    }
    assert result.document["layout"]["lines"]["door"]["camera_id"] == "entrance"
    assert any("'entrance lines' has the same VIDEO_URL as 'entrance'" in note for note in result.notes)


def test_two_cameras_and_two_zones_of_one_name_are_kept_apart(migrate: Migrate) -> None:
    other = {"VIDEO_URL": "rtsp://10.0.0.9/", "VIDEO_SOURCE_ID": "entrance"}
    moved = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]
    result = migrate(
        manifest(
            {"parameters": of_camera({"zones": [ZONE, {**ZONE, "polygon": moved}]})},
            {"parameters": of_camera(zone(), **other)},
        )
    )

    assert list(result.document["cameras"]) == ["entrance", "entrance_2"]
    cameras = {name: zone["camera_id"] for name, zone in result.document["layout"]["zones"].items()}
    assert cameras == {"queue": "entrance", "queue_entrance": "entrance", "queue_entrance_2": "entrance_2"}
    assert any(note.startswith("cameras.entrance_2: was called 'entrance'") for note in result.notes)
    assert any(note.startswith("layout.zones.queue_entrance_2: was called 'queue'") for note in result.notes)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (zone(polygon=[[0, 0], [1, 0], [0, 1], [1, 1], [0, 0]]), "layout.zones.queue.polygon: the polygon crosses"),
        (zone(polygon=[[0, 0], [2, 0], [2, 2], [0, 0]]), "layout.zones.queue.polygon[1]: "),
        (zone(polygon="<Replace>"), "layout.zones.queue.polygon: "),
        ({"lines": [{"name": "door"}]}, "layout.lines.door.start: "),
        (zone(events=[{"type": "count", "config": {"focus": "head"}}]), "layout.zones.queue.focus: "),
        ("<Replace the zone config value>", "g1: SPACEANALYTICS_CONFIG is not JSON: "),
        (None, "g1: SPACEANALYTICS_CONFIG is missing, or no object"),
    ],
)
def test_what_is_wrong_is_left_out_told_and_fails_the_command_while_the_rest_is_carried_over(
    migrate: Migrate, config: object, told: str
) -> None:
    other = {"VIDEO_URL": "rtsp://10.0.0.9/", "VIDEO_SOURCE_ID": "till"}
    good = {"parameters": of_camera(zone(name="good"))}
    result = migrate(manifest(good, {"parameters": of_camera(config, **other)}))

    assert result.status == 1
    assert list(result.document["layout"]["zones"]) == ["good"]
    assert result.problems[0].startswith(told)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ('"{"', "a string that is no JSON: "),
        ("[]", "an object was expected, got list"),
        ({"layout": {}}, "neither graphs nor a SPACEANALYTICS_CONFIG"),
        ({"properties": {"desired": {}}}, "neither graphs nor"),
        ({"zones": []}, "nothing is left of it"),
        ({**GRAPH, "enabled": False}, "nothing is left of it"),
        (
            {"VIDEO_URL": "rtsp://camera/1", "SPACEANALYTICS_CONFIG": {"zones": [ZONE]}},
            "document: its camera has no VIDEO_SOURCE_ID: name it with --camera-id",
        ),
    ],
)
def test_a_file_of_which_nothing_can_be_used_fails_the_command(migrate: Migrate, document: object, told: str) -> None:
    status, _, _, problems = migrate(document)
    assert status == 1
    assert problems[0].startswith(told)


def test_a_file_that_cannot_be_read_is_a_mistake_in_the_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, half = tmp_path / "gone.json", tmp_path / "half.json"
    half.write_text("{")
    assert main(["migrate", "spatial-analysis", str(gone)]) == 2
    assert capsys.readouterr().err == f"storeflow: {gone}: No such file or directory\n"
    assert main(["migrate", "spatial-analysis", str(half)]) == 2
    assert capsys.readouterr().err.startswith(f"storeflow: {half}: not JSON: ")


@pytest.mark.parametrize("frame", ["512", "0x288", "512x", "wide"])
def test_a_frame_that_is_no_size_is_a_mistake_in_the_call(frame: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["migrate", "spatial-analysis", "c.json", "--frame", frame])
    assert ended.value.code == 2
    assert "is not a size like 1920x1080" in capsys.readouterr().err
