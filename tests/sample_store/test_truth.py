from storeflow.sample_store.truth import (
    Footstep,
    crossings,
    inside,
    max_occupancy,
    signed_distance,
    true_counts,
    u_turns,
    visits,
)

# A line straight up the picture: whoever stands at its start and looks to its end has larger x on the right.
START, END = (100.0, 300.0), (100.0, 100.0)
SQUARE = [(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)]


def walk(*points: tuple[float, float], fps: float = 10.0) -> list[Footstep]:
    return [Footstep(number / fps, point, 100.0) for number, point in enumerate(points)]


def across(*x: float) -> list[Footstep]:
    return walk(*((value, 200.0) for value in x))


def test_right_of_a_line_that_points_up_the_picture_is_where_x_grows() -> None:
    assert signed_distance(START, END, (130.0, 200.0)) == 30.0
    assert signed_distance(START, END, (70.0, 200.0)) == -30.0


def test_walking_from_left_to_right_is_one_crossing_in_at_the_moment_of_passing() -> None:
    (crossing,) = crossings("door", START, END, "a", across(60, 80, 95, 105, 120))
    assert (crossing.direction, crossing.at) == ("in", 0.3)


def test_walking_from_right_to_left_is_out() -> None:
    assert [c.direction for c in crossings("door", START, END, "a", across(140, 105, 95, 60))] == ["out"]


def test_swaying_within_a_tenth_of_a_body_on_the_far_side_is_no_crossing() -> None:
    assert crossings("door", START, END, "a", across(60, 95, 109, 93, 109, 91, 108, 60)) == []


def test_someone_who_never_settles_on_the_far_side_has_not_crossed() -> None:
    assert crossings("door", START, END, "a", across(60, 95, 109)) == []


def test_passing_beyond_the_end_of_the_segment_is_no_crossing() -> None:
    assert crossings("door", START, END, "a", walk((60, 90), (95, 90), (105, 90), (150, 90))) == []


def test_there_and_back_is_a_u_turn_and_is_netted_from_both_sides() -> None:
    steps = across(60, 90, 110, 140, 110, 90, 60)
    found = crossings("door", START, END, "a", steps)
    assert [c.direction for c in found] == ["in", "out"]
    assert u_turns(found) == 1
    counts = true_counts({"door": (START, END)}, {}, {"a": steps, "b": across(60, 80, 120, 140)})
    assert counts["lines"] == {"door": {"in": 2, "out": 1, "net_in": 1, "net_out": 0}}


def test_three_crossings_of_one_person_hold_one_u_turn() -> None:
    found = crossings("door", START, END, "a", across(60, 140, 60, 140))
    assert [c.direction for c in found] == ["in", "out", "in"]
    assert u_turns(found) == 1


def test_inside_knows_a_concave_zone() -> None:
    notch = [(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (50.0, 50.0), (0.0, 100.0)]
    assert inside(notch, (20.0, 60.0))
    assert not inside(notch, (50.0, 80.0))


def test_a_visit_lasts_from_the_first_to_the_last_moment_inside() -> None:
    steps = walk((-9, 50), *[(50, 50)] * 8, (150, 50))
    (visit,) = visits("zone", SQUARE, "a", steps)
    assert (visit.entered_at, visit.exited_at) == (0.1, 0.8)


def test_a_gap_of_a_second_is_one_visit_and_a_longer_gap_is_two() -> None:
    there, gone = [(50.0, 50.0)] * 7, (150.0, 50.0)
    assert len(visits("zone", SQUARE, "a", walk(*there, *[gone] * 9, *there))) == 1
    assert len(visits("zone", SQUARE, "a", walk(*there, *[gone] * 10, *there))) == 2


def test_less_than_half_a_second_inside_is_no_visit() -> None:
    assert visits("zone", SQUARE, "a", walk(*[(50.0, 50.0)] * 5, (150, 50))) == []
    assert len(visits("zone", SQUARE, "a", walk(*[(50.0, 50.0)] * 6, (150, 50)))) == 1


def test_occupancy_counts_visits_that_overlap() -> None:
    early, late = walk(*[(50.0, 50.0)] * 10), walk(*[(50.0, 50.0)] * 20)
    third = [Footstep(step.at + 1.5, step.foot, step.body_height) for step in early]
    found = [visit for steps in (early, late, third) for visit in visits("zone", SQUARE, "a", steps)]
    assert max_occupancy(found) == 2
    assert max_occupancy([]) == 0
