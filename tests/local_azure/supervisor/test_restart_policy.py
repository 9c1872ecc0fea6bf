import pytest

from local_azure.supervisor.restart_policy import (
    MAX_RESTART_COUNT,
    RestartPolicy,
    RuntimeStatus,
    cool_off_seconds,
    forgets_restarts,
    status_after_exit,
)


@pytest.mark.parametrize(
    ("policy", "exit_code", "restarts", "status"),
    [
        (RestartPolicy.NEVER, 0, 0, RuntimeStatus.STOPPED),
        (RestartPolicy.NEVER, 1, 0, RuntimeStatus.FAILED),
        (RestartPolicy.ON_FAILURE, 0, 0, RuntimeStatus.STOPPED),
        (RestartPolicy.ON_FAILURE, 1, 0, RuntimeStatus.BACKOFF),
        (RestartPolicy.ON_FAILURE, -9, 0, RuntimeStatus.BACKOFF),
        (RestartPolicy.ON_UNHEALTHY, 0, 0, RuntimeStatus.STOPPED),
        (RestartPolicy.ON_UNHEALTHY, 1, 0, RuntimeStatus.BACKOFF),
        (RestartPolicy.ALWAYS, 0, 0, RuntimeStatus.BACKOFF),
        (RestartPolicy.ALWAYS, 1, MAX_RESTART_COUNT - 1, RuntimeStatus.BACKOFF),
        (RestartPolicy.ALWAYS, 1, MAX_RESTART_COUNT, RuntimeStatus.FAILED),
    ],
)
def test_the_policy_decides_what_an_end_leads_to(
    policy: RestartPolicy, exit_code: int, restarts: int, status: RuntimeStatus
) -> None:
    assert status_after_exit(policy, exit_code, restarts) is status


def test_pauses_double_from_ten_seconds_to_five_minutes() -> None:
    assert [cool_off_seconds(count) for count in (0, 1, 2, 3, 4, 5, 6, 10_000)] == [
        10, 20, 40, 80, 160, 300, 300, 300,
    ]  # fmt: skip
    assert cool_off_seconds(1, scale=0.01) == pytest.approx(0.2)


def test_restarts_are_forgotten_after_ten_minutes() -> None:
    assert not forgets_restarts(600)
    assert forgets_restarts(601)
    assert forgets_restarts(7, scale=0.01)
