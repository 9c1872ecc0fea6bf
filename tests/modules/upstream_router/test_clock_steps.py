from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from modules.upstream_router.clock_steps import ClockSteps

HOUR = 3600.0
YEARS = 160_000_000.0


def seen(looks: Iterable[tuple[float, float]]) -> ClockSteps:
    """Both clocks, as often as somebody looked: the one that can be set, and the other."""
    steps = ClockSteps()
    for now, ran in looks:
        steps.look(now, ran)
    return steps


def test_a_clock_that_nobody_sets_showed_so_much_less() -> None:
    assert seen([(1000.0, 0.0), (1060.0, 60.0)]).shown(HOUR, 60.0) == 1060.0 - HOUR
    assert seen([(1000.0, 0.0), (1061.0, 60.0)]).shown(HOUR, 60.0) == 1060.0 - HOUR, "a second is no step"


def test_what_was_kept_before_a_clock_was_set_right_is_as_old_as_it_is() -> None:
    steps = seen([(0.0, 0.0), (60.0, 60.0), (YEARS + 120, 120.0)])
    assert steps.shown(90.0, 120.0) == 30.0
    steps.look(YEARS + 300, 300.0)
    assert steps.shown(90.0, 300.0) == YEARS + 210.0, "all that was kept before is older"


def test_of_a_clock_that_was_set_back_the_least_counts_that_it_has_shown_since() -> None:
    steps = seen([(YEARS, 0.0), (YEARS + 60, 60.0), (120.0, 120.0)])
    assert steps.shown(90.0, 120.0) == 60.0, "it may have been set right after the last look"
    steps.look(300.0, 300.0)
    assert steps.shown(90.0, 300.0) == 210.0


@given(
    st.lists(
        st.tuples(st.floats(0.5, 100), st.one_of(st.just(0.0), st.floats(-1e6, 1e6)), st.booleans()),
        min_size=2,
        max_size=30,
    ),
    st.floats(1, 500),
)
def test_whenever_a_clock_is_set_nothing_is_taken_for_older_than_it_is(
    moments: list[tuple[float, float, bool]], seconds: float
) -> None:
    """Something is kept at every moment; the clock is set at some, looked at in some, and once between two settings."""
    steps, now, ran, set_since = ClockSteps(), 1e9, 50.0, False
    kept: list[tuple[float, float]] = []
    steps.look(now, ran)
    for passed, step, looked in [*moments, (1.0, 0.0, True)]:
        if step and set_since:
            steps.look(now, ran)
        set_since = (step != 0.0 or set_since) and not looked
        now, ran = now + passed + step, ran + passed
        kept.append((now, ran))
        if looked:
            steps.look(now, ran)
    assert [at for at, since in kept if ran - since < seconds - 5.1 and at < steps.shown(seconds, ran) - 5.1] == []


def test_a_clock_that_is_set_all_the_time_fills_no_memory() -> None:
    steps = seen((number * 1000.0, float(number)) for number in range(5000))
    assert len(steps._spans) == 1000
