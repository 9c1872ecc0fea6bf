import itertools

import pytest

from local_azure.functions_host.retries import RetryPolicy
from storeflow.errors import ConfigError

FIXED = {"strategy": "fixed_delay", "max_retry_count": "2", "delay_interval": "00:00:10"}
EXPONENTIAL = {
    "strategy": "exponential_backoff",
    "max_retry_count": "-1",
    "minimum_interval": "00:00:01",
    "maximum_interval": "00:01:00",
}


def test_a_fixed_delay_is_waited_before_each_retry() -> None:
    assert list(RetryPolicy.read(FIXED).pauses(lambda: 0.5)) == [10, 10]


def test_no_retries_is_no_pause() -> None:
    assert list(RetryPolicy.read(FIXED | {"max_retry_count": "0"}).pauses(lambda: 0.5)) == []


def test_exponential_pauses_grow_to_the_maximum_and_never_end() -> None:
    pauses = itertools.islice(RetryPolicy.read(EXPONENTIAL).pauses(lambda: 0.5), 10)
    assert list(pauses) == [1, 2, 3, 5, 9, 17, 33, 60, 60, 60]


@pytest.mark.parametrize(("random", "second"), [(0.0, 1.8), (1.0, 2.2)])
def test_exponential_pauses_jitter_by_a_fifth_of_what_they_grew(random: float, second: float) -> None:
    first, then = itertools.islice(RetryPolicy.read(EXPONENTIAL).pauses(lambda: random), 2)
    assert first == 1
    assert then == pytest.approx(second)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (
            FIXED | {"strategy": "linear"},
            "retry.strategy: expected one of fixed_delay, exponential_backoff, got 'linear'",
        ),
        (FIXED | {"delay_interval": None}, "fixed_delay needs delay_interval"),
        (FIXED | {"delay_interval": "10 s"}, "'10 s' does not match format"),
        (FIXED | {"delay_interval": "00:00:00.5"}, "unconverted data remains: .5"),
        (FIXED | {"max_retry_count": "many"}, "many"),
        (FIXED | {"max_retry_count": "-2"}, "make no sense"),
        (EXPONENTIAL | {"minimum_interval": "00:02:00"}, "make no sense"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(document: dict[str, str | None], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        RetryPolicy.read(document)
