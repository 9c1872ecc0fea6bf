"""A budget of bytes a second, with a second's worth to begin with. Pure: the time is an argument.

What is sent is charged afterwards, at its true size, and may leave a debt: so a message larger than a second's worth
gets through, alerts need not wait, and the mean is what was allowed. What alerts took beyond what was there is paid off
out of a share of the budget, so that everything else becomes slow by many alerts but never stands still.
"""

ALERTS_SHARE = 0.5
"""Of the budget, at most, for what alerts owe. Where they need more than that for good, more is sent than allowed."""


class TokenBucket:
    """The budget of one destination.

    Args:
        bytes_per_second: what is allowed on average; 0 for no limit.
    """

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._tokens = bytes_per_second
        self._owed = 0.0
        """By alerts."""
        self._at: float | None = None

    def wait_seconds(self, now: float) -> float:
        """For how long nothing may be sent; `now` is in seconds of a clock that, if it goes back, gains nothing."""
        if not self._rate:
            return 0.0
        self._refill(now)
        debt = -self._tokens
        if debt < 1:
            return 0.0  # less than a byte is rounding
        beside_alerts = debt / (1 - ALERTS_SHARE)
        return min(beside_alerts, debt + self._owed) / self._rate

    def charge(self, size: int, now: float, *, alert: bool = False) -> None:
        """Take `size` bytes out; what of an alert is not there is owed."""
        if not self._rate:
            return
        self._refill(now)
        if alert:
            there = min(float(size), max(0.0, self._tokens))
            self._owed += size - there
            self._tokens -= there
        else:
            self._tokens -= size

    def _refill(self, now: float) -> None:
        income = 0.0 if self._at is None else max(0.0, now - self._at) * self._rate
        self._at = now
        paid = min(self._owed, income * ALERTS_SHARE)
        self._owed -= paid
        self._tokens = min(self._rate, self._tokens + income - paid)
