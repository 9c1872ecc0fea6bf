"""Every figure that decides a count or a visit, in one place: the same for all cameras, clips and stores.

docs/accuracy.md is measured with exactly these values. Lengths are in body heights (the height of the person's
own box), speeds in body heights a second, times in seconds of `captured_at`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecisionParameters:
    """How zone_analytics turns tracks into decisions."""

    near: float = 0.1
    """A foot point nearer to a line than this is *on* it; farther, it is on a side."""
    far: float = 0.3
    """From here on a foot point speaks with its full weight for its side; between `near` and `far` with less."""
    settle_seconds: float = 0.15
    """A crossing is decided once the foot point has spoken for the new side for this long, at full weight."""
    leak: float = 0.25
    """Seconds of evidence that are lost for every second on the line."""
    longest_step_seconds: float = 0.5
    """Two observations farther apart than this speak for no more than this long."""

    velocity_seconds: float = 0.8
    """Velocity is fitted over the last (or first) this many seconds of a track."""
    walking_speed: float = 0.15
    """Slower than this towards a line is standing, not walking."""

    stitch_seconds: float = 1.5
    """A track born this soon after another vanished, where that one would be by now, is the same person."""
    stitch_distance: float = 0.5
    """How far from the predicted place it may be born."""
    stitch_drift: float = 0.5
    """How much farther for every second of the gap."""
    stitch_edge_share: float = 0.5
    """Of both, for people who vanished at the picture's edge."""
    stitch_height_ratio: float = 1.35
    """How much taller or smaller it may be."""
    edge_gap_seconds: float = 0.5
    """Anyone who vanishes at the picture's edge for longer than this has left, even if the track then goes on."""
    forget_seconds: float = 2.0
    """Anyone who has not been seen for this long has left; what was still open is decided then."""

    foreseen_distance: float = 0.2
    """A single observation beyond a line, the last of a track, counts when it is this near to where it was foreseen."""

    edge_strip: float = 0.3
    """A line with less room than this between it and the frame's edge can be crossed beyond view."""
    edge_seconds: float = 1.0
    """How long before its first (after its last) observation a track may have crossed such a line unseen."""

    u_turn_seconds: float = 15.0
    """Anyone who comes back over a line within this time, never having left view, has turned round."""

    group_distance: float = 0.6
    """People farther from one another than this don't walk together: about a metre, in a picture from the side."""
    group_apart: float = 1.2
    """Two who go this far apart before they are a group have no evidence left."""
    group_speed_difference: float = 0.3
    """Nor do those whose velocities differ by more; a walker does about 0.8."""
    group_seconds: float = 3.0
    """People who have walked so near, at one pace, for so long in sum are one group."""
    largest_group: int = 8
    """A dense crowd that moves one way is no group: no two groups become one with more people than this."""

    coverage_gap_seconds: float = 1.0
    """Between two frames farther apart than this nobody looked."""
    miscount_share: float = 0.05
    """Of crossings that are missed or counted too often: 3 of 58 with the default person model, in all clips of real
    cameras whose truth says when each happened (docs/accuracy.md)."""


DECISIONS = DecisionParameters()
