"""The situations that the sample store promises really happen in it."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from storeflow.sample_store.figure import body_box, build_parts
from storeflow.sample_store.film import Film, lines_px, zones_px
from storeflow.sample_store.render import truth_of
from storeflow.sample_store.schedule import ACTORS, SITUATIONS
from storeflow.sample_store.store import CAMERA, FPS, HEIGHT, WIDTH, layout
from storeflow.sample_store.truth import Footstep, Point, crossings, inside, signed_distance, true_counts

START, END = lines_px()["entrance"]


@pytest.fixture(scope="module")
def film() -> Film:
    return Film()


@pytest.fixture(scope="module")
def walks(film: Film) -> dict[str, list[Footstep]]:
    return film.walks()


def who(situation: str) -> list[str]:
    return [actor.name for actor in ACTORS if situation in actor.situations]


def directions(steps: Sequence[Footstep]) -> list[str]:
    return [crossing.direction for crossing in crossings("entrance", START, END, "x", steps)]


def border_distance(polygon: Sequence[Point], foot: Point) -> float:
    point, best = np.array(foot), np.inf
    for first, second in itertools.pairwise([*polygon, polygon[0]]):
        start, edge = np.array(first), np.array(second) - np.array(first)
        share = np.clip((point - start) @ edge / (edge @ edge), 0, 1)
        best = min(best, float(np.hypot(*(point - start - share * edge))))
    return float(best)


def test_every_situation_is_played_by_somebody() -> None:
    assert {situation for actor in ACTORS for situation in actor.situations} == SITUATIONS.keys()


def test_the_day_has_its_entries_and_exits(film: Film) -> None:
    counts = truth_of(film)
    assert counts["lines"] == {"entrance": {"in": 11, "out": 9, "net_in": 10, "net_out": 8}}
    assert counts["people"] == len(ACTORS)


def test_those_who_enter_and_leave_do_and_nobody_else(walks: dict[str, list[Footstep]]) -> None:
    for actor in ACTORS:
        expected = [way for way, name in (("in", "enters"), ("out", "leaves")) if name in actor.situations]
        assert directions(walks[actor.name]) == expected, actor.name


def test_the_pair_passes_the_door_together_and_side_by_side(walks: dict[str, list[Footstep]]) -> None:
    first, second = (walks[name] for name in who("pair"))
    (one,), (two,) = (crossings("entrance", START, END, "x", steps) for steps in (first, second))
    assert abs(one.at - two.at) <= 0.3
    feet = [next(step for step in steps if step.at == one.at) for steps in (first, second)]
    apart = np.hypot(feet[0].foot[0] - feet[1].foot[0], feet[0].foot[1] - feet[1].foot[1])
    assert 0.1 < apart / feet[0].body_height < 0.6


def test_the_swayer_is_on_both_sides_for_seconds_and_settles_on_neither(walks: dict[str, list[Footstep]]) -> None:
    (name,) = who("sways_on_line")
    sides = [signed_distance(START, END, step.foot) for step in walks[name]]
    flips = sum(a * b < 0 for a, b in itertools.pairwise(sides))
    near = sum(abs(side) < 0.1 * step.body_height for side, step in zip(sides, walks[name], strict=True))
    assert flips >= 6
    assert near / FPS >= 6
    assert max(side / step.body_height for side, step in zip(sides, walks[name], strict=True)) < 0.07
    assert directions(walks[name]) == []


def test_the_u_turn_takes_seconds_and_stays_in_view(walks: dict[str, list[Footstep]]) -> None:
    (name,) = who("u_turn")
    into, out = crossings("entrance", START, END, name, walks[name])
    assert 2 < out.at - into.at < 8


def test_the_display_hides_somebody_inside_an_aisle_for_under_a_second(
    film: Film, walks: dict[str, list[Footstep]]
) -> None:
    (name,) = who("hidden_by_display")
    aisle = zones_px()["aisle_pantry"]
    hidden = []
    for step in walks[name]:
        if inside(aisle, step.foot):
            seen = {body.actor: body.visible for body in film.frame(round(step.at * FPS))[1]}
            if seen[name] < 0.12:
                hidden.append(step.at)
    assert 0.3 <= hidden[-1] - hidden[0] <= 1.0


def test_passers_by_stay_outside(walks: dict[str, list[Footstep]]) -> None:
    for name in who("passes_outside"):
        assert max(signed_distance(START, END, step.foot) for step in walks[name]) < 0


def test_the_cafe_guest_passes_the_lines_extension_and_not_the_line(walks: dict[str, list[Footstep]]) -> None:
    (name,) = who("beside_line_end")
    sides = [signed_distance(START, END, step.foot) / step.body_height for step in walks[name]]
    assert sides[0] < -0.1
    assert max(sides) > 0.1
    assert sides[-1] < -0.1
    assert directions(walks[name]) == []


def test_three_wait_in_the_queue_at_once(walks: dict[str, list[Footstep]]) -> None:
    queue = zones_px()["queue"]
    for name in who("queues"):
        waited = sum(inside(queue, step.foot) for step in walks[name]) / FPS
        assert waited >= 3, name
    counts = true_counts({}, zones_px(), walks)["zones"]
    assert isinstance(counts, dict)
    assert counts["queue"]["max_occupancy"] == 3


def test_nobody_lingers_on_the_border_of_a_zone(walks: dict[str, list[Footstep]]) -> None:
    for name, steps in walks.items():
        for zone, polygon in zones_px().items():
            near = [border_distance(polygon, step.foot) < 0.1 * step.body_height for step in steps]
            longest = max((sum(run) for on, run in itertools.groupby(near) if on), default=0)
            assert longest / FPS <= 1.2, (name, zone)


def test_counting_by_the_bottoms_of_the_boxes_gives_the_same_counts(
    film: Film, walks: dict[str, list[Footstep]]
) -> None:
    by_box = {}
    for acted in film.performances:
        steps = []
        for number in np.flatnonzero(acted.present).tolist():
            look = film.looks[acted.actor.name]
            left, top, right, bottom = body_box(CAMERA, build_parts(look, acted.poses[number]))
            steps.append(Footstep(number / FPS, ((left + right) / 2, bottom), bottom - top))
        by_box[acted.actor.name] = steps
    true, other = (true_counts(lines_px(), zones_px(), steps) for steps in (walks, by_box))
    assert true["lines"] == other["lines"]
    assert isinstance(true["zones"], dict)
    assert isinstance(other["zones"], dict)
    for zone, counts in true["zones"].items():
        assert counts["max_occupancy"] == other["zones"][zone]["max_occupancy"]
        for visit, same in zip(counts["visits"], other["zones"][zone]["visits"], strict=True):
            assert abs(visit["dwell_seconds"] - same["dwell_seconds"]) <= 1.0


def test_the_right_of_the_entrance_in_the_layout_is_inside_the_shop() -> None:
    lines = layout()["lines"]
    assert isinstance(lines, dict)
    entrance = lines["entrance"]
    assert entrance["in"] == "right"
    (x0, y0), (x1, y1) = entrance["start"], entrance["end"]
    inner, outer = CAMERA.floor_point(0.0, 6.5), CAMERA.floor_point(-5.0, 6.5)
    ends = (x0 * WIDTH, y0 * HEIGHT), (x1 * WIDTH, y1 * HEIGHT)
    assert signed_distance(*ends, (inner[0] * WIDTH, inner[1] * HEIGHT)) > 0
    assert signed_distance(*ends, (outer[0] * WIDTH, outer[1] * HEIGHT)) < 0


def test_two_films_of_one_seed_are_the_same_pixel_by_pixel(film: Film) -> None:
    again = Film()
    for number in (0, 77, 400):
        picture, bodies = film.frame(number)
        same, same_bodies = again.frame(number)
        assert (picture == same).all()
        assert bodies == same_bodies


def test_another_seed_changes_the_pictures_and_not_what_happens(film: Film) -> None:
    other = Film(seed=8)
    assert (film.frame(77)[0] != other.frame(77)[0]).mean() > 0.2
    counts, other_counts = truth_of(film), truth_of(other)
    assert counts["lines"] == other_counts["lines"]
    assert counts["situations"] == other_counts["situations"]
