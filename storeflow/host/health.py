"""Whether a module lives, and whether it can work: the verdicts behind `/healthz` and `/readyz`."""

from typing import NamedTuple

from storeflow.host.configuration import ConfigurationState

MAX_AWAY_SECONDS = 120.0
"""edgeHub may be gone for so long, as when it is updated, before a module that works calls itself not ready."""


class Beats(NamedTuple):
    """Signs of life, as seconds since each."""

    loop: float
    """Since the event loop last came round: without it nothing is sent, and no twin is read."""
    module: float
    """Since the module last came back from a call."""
    ended: str | None
    """What ended the module's thread; none while it runs."""


def not_alive(beats: Beats, stall_seconds: float) -> list[str]:
    """Why the process is of no use any more and should be started again; empty while it lives."""
    reasons = []
    if beats.ended is not None:
        reasons.append(f"the module has ended: {beats.ended}")
    elif beats.module > stall_seconds:
        reasons.append(f"the module has not come back from a call for {beats.module:.0f} s")
    if beats.loop > stall_seconds:
        reasons.append(f"the host's loop has stood still for {beats.loop:.0f} s")
    return reasons


def not_ready(configuration: ConfigurationState, away_seconds: float | None) -> list[str]:
    """Why the module can't do its work, or report it; empty when it can.

    A reason names a section and never says what is in it, nor why it is refused: anyone who reaches the port may ask.

    Args:
        configuration: the state of its sections.
        away_seconds: since it was connected to edgeHub; 0 while it is, none if it never was.
    """
    reasons = []
    if configuration.twin_version is None:
        reasons.append("the twin has not been read yet")
    refused = configuration.refused
    # A section that is refused while its last good one works on stops no store.
    reasons += [
        f"{name}: refused, and there is none before it; getConfig says why"
        if name in refused
        else f"{name}: not in force"
        for name in configuration.sections
        if name not in configuration.in_force
    ]
    if away_seconds is None:
        reasons.append("not connected to edgeHub yet")
    elif away_seconds > MAX_AWAY_SECONDS:
        reasons.append(f"not connected to edgeHub for {away_seconds:.0f} s")
    return reasons
