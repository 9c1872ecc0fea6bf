"""When a module that ended is started again: edgeAgent's rules, as pure functions.

Sources, Azure/iotedge, edge-agent/src: `Microsoft.Azure.Devices.Edge.Agent.Core/RestartPolicyManager.cs`
(which end leads to which status, and the pause), `.../planners/HealthRestartPlanner.cs` (the count is
forgotten after a while in good health) and the figures in appsettings_agent.json
(`MaxRestartCount`, `CoolOffTimeUnitInSeconds`, `IntensiveCareTimeInMinutes`).
"""

from dataclasses import dataclass
from enum import Enum

MAX_RESTART_COUNT = 20
COOL_OFF_UNIT_SECONDS = 10.0
MAX_COOL_OFF_SECONDS = 300.0
INTENSIVE_CARE_SECONDS = 600.0


class RestartPolicy(Enum):
    """`restartPolicy` of a module. edgeAgent has no health probe, so on-unhealthy acts as on-failure."""

    NEVER = "never"
    ON_FAILURE = "on-failure"
    ON_UNHEALTHY = "on-unhealthy"
    ALWAYS = "always"


class RuntimeStatus(Enum):
    """`runtimeStatus` as edgeAgent reports it."""

    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class ModuleStatus:
    """What edgeAgent reports of a module.

    Attributes:
        restart_count: restarts since it was last long enough in good health.
        last_exit_code: of its last end, minus the signal's number when one ended it; None while
            it never ended.
    """

    status: RuntimeStatus
    restart_count: int = 0
    last_exit_code: int | None = None
    pid: int | None = None


def status_after_exit(policy: RestartPolicy, exit_code: int, restart_count: int) -> RuntimeStatus:
    """Return what becomes of a module that ended by itself."""
    ended = RuntimeStatus.STOPPED if exit_code == 0 else RuntimeStatus.FAILED
    if policy is RestartPolicy.NEVER:
        return ended
    if policy is not RestartPolicy.ALWAYS and ended is not RuntimeStatus.FAILED:
        return ended
    return RuntimeStatus.FAILED if restart_count >= MAX_RESTART_COUNT else RuntimeStatus.BACKOFF


def cool_off_seconds(restart_count: int, scale: float = 1.0) -> float:
    """Return the pause before the next restart: 10 s · 2^restarts, five minutes at most.

    Args:
        restart_count: restarts so far.
        scale: shortens every pause alike, for tests.
    """
    # 2^5 units are over five minutes already; larger powers would overflow a float in the end.
    doublings = min(restart_count, 5)
    return scale * min(COOL_OFF_UNIT_SECONDS * 2.0**doublings, MAX_COOL_OFF_SECONDS)


def forgets_restarts(seconds_since_exit: float, scale: float = 1.0) -> bool:
    """Say whether a running module's restarts are forgotten."""
    return seconds_since_exit > scale * INTENSIVE_CARE_SECONDS
