"""How often a function that failed runs again, and after which pauses. Pure.

Sources: functions-bindings-error-pages ("Retry policies"); Azure/azure-webjobs-sdk, `FunctionExecutorExtensions.cs`
(the loop), `ExponentialBackoffRetryAttribute.cs`, `RandomizedExponentialBackoffStrategy.cs` (the pauses);
Azure/azure-functions-python-worker, `loader.py` (`convert_to_seconds`: whole seconds, less than a day).
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from storeflow.errors import ConfigError

FOR_EVER = -1

_JITTER = 0.2


@dataclass(frozen=True)
class RetryPolicy:
    """What `@app.retry` says.

    Attributes:
        most: retries after the first attempt; `FOR_EVER` for no end.
        minimum: seconds before the first retry.
        maximum: seconds that no pause exceeds; with `fixed_delay` the same as the minimum.
    """

    most: int
    minimum: float
    maximum: float

    @classmethod
    def read(cls, document: Mapping[str, str | None]) -> "RetryPolicy":
        """Read the settings of the decorator, all of which are text.

        Raises:
            ConfigError: naming what is wrong.
        """
        strategy = document.get("strategy")
        names = {
            "fixed_delay": ("delay_interval",) * 2,
            "exponential_backoff": ("minimum_interval", "maximum_interval"),
        }
        if strategy not in names:
            raise ConfigError([f"retry.strategy: expected one of {', '.join(names)}, got {strategy!r}"])
        try:
            least, most = (_seconds(document.get(name) or "") for name in names[strategy])
            count = int(document.get("max_retry_count") or "")
        except ValueError as error:
            raise ConfigError(
                [f"retry: {strategy} needs {', '.join(names[strategy])} and max_retry_count: {error}"]
            ) from error
        if count < FOR_EVER or least > most:
            raise ConfigError([f"retry: max_retry_count {count}, intervals {least} s to {most} s make no sense"])
        return cls(count, least, most)

    def pauses(self, random: Callable[[], float]) -> Iterator[float]:
        """Yield the pause before each retry, in seconds, as often as the policy has retries.

        Args:
            random: a figure from 0 to 1, for the jitter of exponential pauses.
        """
        numbers = itertools.count() if self.most == FOR_EVER else range(self.most)
        at_most = self.minimum == self.maximum
        for number in numbers:
            pause = self.minimum
            if number and not at_most:
                jitter = 1 - _JITTER + 2 * _JITTER * random()
                pause += jitter * 2.0 ** (number - 1) * self.minimum
            at_most = at_most or pause >= self.maximum
            yield self.maximum if at_most else pause


def _seconds(interval: str) -> float:
    read = time.strptime(interval, "%H:%M:%S")
    return float(read.tm_hour * 3600 + read.tm_min * 60 + read.tm_sec)
