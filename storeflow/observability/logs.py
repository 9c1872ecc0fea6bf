"""Logs as IoT Edge's log pull reads them: `<6> 2026-01-01 00:00:00.000 +00:00 [INF] - text`.

Format: "Retrieve logs from IoT Edge deployments" (learn.microsoft.com, how-to-retrieve-iot-edge-logs): syslog
severity, time, text.
"""

import io
import logging
import re
import sys
from collections import deque
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

_SEVERITIES = (
    (logging.CRITICAL, 2, "FTL"),
    (logging.ERROR, 3, "ERR"),
    (logging.WARNING, 4, "WRN"),
    (logging.INFO, 6, "INF"),
)
_DEBUG = (7, "DBG")
_USERINFO = re.compile(r"(?<=://)\S+@")
"""Up to the last `@`: a password may contain `/` and `@`, though it should not."""
_SHARED_KEY = re.compile(r"(?i)(?<=SharedAccessKey=)[^;\s]+|(?<=SharedAccessSignature )\S+")
MAX_LINE_LENGTH = 2000
"""Characters; a traceback is one record and so one line here."""


def redacted(text: str) -> str:
    """`text` without the user name and password of any URL, and without shared keys."""
    return _SHARED_KEY.sub("***", _USERINFO.sub("***@", text))


def redacted_document(value: Any) -> Any:
    """The same JSON value with every string in it redacted, keys too."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {redacted(key): redacted_document(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_document(child) for child in value]
    return value


class EdgeFormatter(logging.Formatter):
    """One record as IoT Edge's log format has it, UTC, redacted."""

    def format(self, record: logging.LogRecord) -> str:
        """Format `record`; a traceback follows on lines of its own."""
        severity, name = next(
            ((number, name) for level, number, name in _SEVERITIES if record.levelno >= level), _DEBUG
        )
        at = datetime.fromtimestamp(record.created, UTC).isoformat(" ", "milliseconds")
        return redacted(f"<{severity}> {at[:-6]} {at[-6:]} [{name}] - {super().format(record)}")


class RecentLines(logging.Handler):
    """The last lines of the log as they were written, redacted, for a support bundle.

    Args:
        lines: how many are kept; of a longer line than `MAX_LINE_LENGTH`, its beginning.
    """

    def __init__(self, lines: int = 500) -> None:
        super().__init__()
        self.setFormatter(EdgeFormatter())
        self._lines: deque[str] = deque(maxlen=lines)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        line = self.format(record)
        self._lines.append(line if len(line) <= MAX_LINE_LENGTH else f"{line[:MAX_LINE_LENGTH]} …")

    def lines(self) -> list[str]:
        """Oldest first."""
        with self.lock or nullcontext():
            return list(self._lines)


def set_up_logging(level: str = "INFO") -> RecentLines:
    """Send all logs to standard output in IoT Edge's format; of the Azure SDK only errors.

    Returns:
        The last of them, which are kept besides.

    Raises:
        ValueError: `level` is no level of `logging`.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A lone surrogate, which JSON can bring, would cost the whole line.
        sys.stdout.reconfigure(errors="backslashreplace")
    handler, recent = logging.StreamHandler(sys.stdout), RecentLines()
    handler.setFormatter(EdgeFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler, recent], force=True)
    # What the SDK says on lower levels (each send, each retry) the transport logs once, in our words.
    logging.getLogger("azure.iot.device").setLevel(logging.ERROR)
    return recent
