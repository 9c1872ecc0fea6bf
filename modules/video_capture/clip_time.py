"""When a picture of a clip was filmed, from what the clip says of it."""

from fractions import Fraction

from storeflow.errors import SourceError

LONGEST_GAP_SECONDS = 86_400.0
"""No clip of a camera pauses for longer than a day: a time stamp that says so is a wrong one."""


class ClipTime:
    """Film time from time stamps while they can be trusted, and from the average rate from there on.

    A picture without a time stamp, one that is not later than the one before it, or one that is later by more than a
    day shows that the clip's stamps can't be trusted; none after it is believed.

    Args:
        time_base: seconds per unit of a time stamp, if the clip has one.
        average_rate: pictures per second, if the clip has one.
    """

    def __init__(self, time_base: Fraction | None, average_rate: Fraction | None) -> None:
        self._time_base = time_base
        self._average_rate = average_rate
        self._first_stamp: int | None = None
        self._last: float | None = None
        self.distrusted = ""
        """Why time stamps are no longer believed; empty as long as they are."""

    def seconds(self, stamp: int | None) -> float:
        """Film time of the next picture since the first one.

        Raises:
            SourceError: neither time stamps nor an average rate say when it was filmed.
        """
        if not self.distrusted:
            seconds = self._stamped(stamp)
            if not self.distrusted:
                self._last = seconds
                return seconds
        if not self._average_rate:
            raise SourceError(f"{self.distrusted}, and it names no frame rate to go by instead: re-encode the clip")
        self._last = 0.0 if self._last is None else self._last + float(1 / self._average_rate)
        return self._last

    def _stamped(self, stamp: int | None) -> float:
        if stamp is None or self._time_base is None:
            self.distrusted = "the clip has pictures without a time stamp"
            return 0.0
        if self._first_stamp is None:
            self._first_stamp = stamp
        seconds = float((stamp - self._first_stamp) * self._time_base)
        if self._last is not None and not 0 < seconds - self._last <= LONGEST_GAP_SECONDS:
            self.distrusted = f"the clip's time stamps jump from {self._last:.3f} s to {seconds:.3f} s"
        return seconds
