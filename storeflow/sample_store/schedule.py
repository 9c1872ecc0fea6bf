"""Who does what in the sample store: a minute of a shop, as data.

Entries use the far half of the door and exits the near half, so that people meet without walking through one
another. Nobody who enters leaves again within the minute, but for the one whose story that is.
"""

from math import inf, pi

from storeflow.sample_store.actors import Actor, Stop

AWAY, RIGHT, NEAR, LEFT = 0.0, pi / 2, pi, -pi / 2

# Out of the picture: the street on the left, the shop's other half on the right, and the side street.
STREET = Stop(-7.0, 7.3)
STREET_NEAR = Stop(-6.6, 5.9)
OTHER_HALF = Stop(7.4, 7.6)
SIDE_STREET = Stop(-8.9, 12.4)

SITUATIONS = {
    "enters": "walks in through the door",
    "leaves": "walks out through the door",
    "pair": "two enter side by side",
    "sways_on_line": "stands swaying on the door line for seconds and leaves on the side they came from",
    "u_turn": "enters, thinks better of it and goes out again",
    "hidden_by_display": "disappears behind a tall display inside an aisle",
    "passes_outside": "walks by outside and never nears the door",
    "beside_line_end": "goes through the passage to the café and back, across the line's extension, beyond its end",
    "queues": "waits in the queue",
    "inside_at_start": "is in the shop already when the clip begins",
}
NOT_PEOPLE = ("mannequin by the window", "portrait on the back wall")


def _queue(first: float, second: float, third: float) -> tuple[Stop, ...]:
    """The three places of the queue, with the seconds to wait in each."""
    return (
        Stop(1.0, 6.05, first, NEAR),
        Stop(1.4, 5.6, second, NEAR),
        Stop(1.8, 5.15, third, RIGHT),
    )


TILL_NEAR, TILL_FAR = (2.72, 5.1), (2.72, 6.1)
LEAVE_TILL = (Stop(2.75, 7.2), Stop(1.2, 7.55), Stop(-1.0, 6.6), Stop(-2.6, 5.9), STREET_NEAR)

ACTORS: tuple[Actor, ...] = (
    # In the shop when the clip begins.
    Actor("ada", 0.0, 1.15, (Stop(*TILL_NEAR, 5.0, RIGHT, reach=True), *LEAVE_TILL), 1, "tote",
          ("inside_at_start", "leaves")),
    Actor("ben", 0.0, 1.2, (Stop(*TILL_FAR, 1.5, RIGHT, reach=True), *LEAVE_TILL), 2, "nothing",
          ("inside_at_start", "leaves")),
    Actor("cleo", 0.0, 1.0, (Stop(1.8, 5.15, 3.0, RIGHT), Stop(*TILL_FAR, 11.0, RIGHT, reach=True), *LEAVE_TILL),
          3, "basket", ("inside_at_start", "queues", "leaves")),
    Actor("dov", 0.0, 1.0,
          (Stop(1.4, 5.6, 5.0, NEAR), Stop(1.8, 5.15, 4.5, RIGHT), Stop(*TILL_NEAR, 29.0, RIGHT, reach=True),
           *LEAVE_TILL), 4, "nothing", ("inside_at_start", "queues", "leaves")),
    Actor("eli", 0.0, 0.95,
          (Stop(2.5, 10.4, 2.5, RIGHT, reach=True), Stop(2.4, 9.6, 2.0, LEFT, reach=True), Stop(2.2, 7.6),
           Stop(0.9, 7.4, 5.5, NEAR), *_queue(0.5, 0.5, 2.0), Stop(*TILL_FAR, 22.5, RIGHT, reach=True), *LEAVE_TILL),
          5, "basket", ("inside_at_start", "queues", "leaves")),
    Actor("flo", 0.0, 0.95,
          (Stop(0.40, 9.6, 9.0, RIGHT, reach=True), Stop(-0.4, 7.2), Stop(-2.4, 5.8), STREET_NEAR),
          6, "backpack", ("inside_at_start", "leaves")),
    # Through the far half of the door.
    Actor("gus", 0.6, 1.2,
          (STREET, Stop(-2.6, 7.2), Stop(0.6, 7.6), Stop(2.4, 7.8), Stop(2.2, 9.9, 9.0, LEFT, reach=True),
           Stop(2.5, 8.0), OTHER_HALF), 7, "nothing", ("enters",)),
    Actor("hal", 4.6, 1.15,
          (Stop(-7.0, 7.65), Stop(-2.6, 7.55), Stop(-0.6, 7.7), Stop(0.40, 9.5, 7.0, RIGHT, reach=True),
           Stop(1.0, 7.6), OTHER_HALF), 8, "nothing", ("pair", "enters")),
    Actor("ivy", 4.6, 1.15,
          (Stop(-7.0, 6.85), Stop(-2.6, 6.75), Stop(-0.2, 7.0), Stop(2.0, 7.6), Stop(2.6, 8.2),
           Stop(2.7, 12.0, 14.5, RIGHT, reach=True), Stop(2.3, 7.8),
           Stop(1.2, 7.3), *_queue(7.0, 3.5, inf)), 9, "tote",
          ("pair", "enters", "queues")),
    Actor("jon", 10.0, 1.25,
          (STREET, Stop(-2.6, 7.3), Stop(-1.0, 7.6), Stop(-1.05, 9.2), Stop(-1.0, 10.4, 1.0, LEFT, reach=True),
           Stop(0.45, 10.4, 8.0, RIGHT, reach=True), Stop(0.42, 9.0), Stop(0.1, 7.5), Stop(1.0, 7.2),
           *_queue(1.5, 7.5, 3.5),
           Stop(*TILL_FAR, inf, RIGHT, reach=True)), 10, "basket", ("enters", "hidden_by_display", "queues")),
    Actor("kim", 13.5, 1.2,
          (STREET, Stop(-2.6, 7.2), Stop(-1.2, 7.0, 0.6), Stop(-2.4, 6.5), Stop(-3.6, 6.2), STREET_NEAR), 11,
          "nothing", ("enters", "u_turn", "leaves")),
    Actor("lou", 19.5, 1.1,
          (STREET, Stop(-2.6, 7.3), Stop(0.9, 7.45), *_queue(0.8, 1.2, 9.5),
           Stop(*TILL_NEAR, inf, RIGHT, reach=True)),
          12, "nothing", ("enters", "queues")),
    Actor("mia", 25.5, 1.15,
          (STREET, Stop(-2.6, 7.3), Stop(-0.2, 7.7), Stop(0.40, 9.7, 20.0, RIGHT, reach=True),
           Stop(0.40, 9.9, inf, RIGHT, reach=True)),
          13, "backpack", ("enters",)),
    # Sways in the doorway, then goes back to the street.
    Actor("ned", 26.6, 1.1,
          (Stop(-7.0, 7.0), Stop(-3.2, 6.9, 7.5, RIGHT, sway=0.09), Stop(-4.2, 6.6), Stop(-6.8, 6.3)), 14, "nothing",
          ("sways_on_line",)),
    Actor("oda", 39.2, 1.2,
          (STREET, Stop(-2.6, 7.2), Stop(0.4, 7.6), Stop(2.3, 8.0), Stop(2.2, 9.6, 9.0, LEFT, reach=True),
           Stop(2.6, 10.8, inf, RIGHT, reach=True)),
          15, "tote", ("enters",)),
    Actor("pia", 40.6, 1.15,
          (STREET, Stop(-2.6, 7.3), Stop(-0.4, 7.5), Stop(0.85, 7.4), *_queue(3.5, inf, 0.0)[:2]), 16, "nothing",
          ("enters", "queues")),
    Actor("quin", 44.2, 1.25,
          (STREET, Stop(-2.6, 7.3), Stop(0.2, 7.6), OTHER_HALF), 17, "nothing", ("enters",)),
    Actor("rae", 48.0, 1.15,
          (STREET, Stop(-2.6, 7.2), Stop(-0.6, 7.6), Stop(-1.0, 8.8, inf, LEFT)), 18, "basket",
          ("enters",)),
    # From the shop's other half, out through the near half of the door.
    Actor("sol", 27.5, 1.25, (OTHER_HALF, Stop(1.0, 7.4), Stop(-2.4, 5.9), STREET_NEAR), 19, "tote", ("leaves",)),
    Actor("tess", 46.5, 1.2, (OTHER_HALF, Stop(1.0, 7.6), Stop(-2.4, 5.8), STREET_NEAR), 20, "nothing", ("leaves",)),
    # Outside all the time.
    Actor("uma", 8.0, 1.3, (Stop(-6.6, 6.2), Stop(-5.1, 8.0), Stop(-5.6, 11.0), SIDE_STREET), 21, "tote",
          ("passes_outside",)),
    Actor("vic", 31.0, 1.3, (SIDE_STREET, Stop(-6.0, 11.6), Stop(-5.0, 8.8), Stop(-7.6, 7.2)), 22, "nothing",
          ("passes_outside",)),
    Actor("wes", 3.5, 1.1,
          (SIDE_STREET, Stop(-5.6, 11.3), Stop(-4.0, 11.0), Stop(-2.55, 10.7, 4.0, NEAR), Stop(-4.0, 11.0),
           Stop(-5.6, 11.3), SIDE_STREET), 23,
          "nothing", ("beside_line_end",)),
)  # fmt: skip
