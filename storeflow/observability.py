"""Logs as IoT Edge's log pull reads them: `<6> 2026-01-01 00:00:00.000 +00:00 [INF] - text`.

Format: "Retrieve logs from IoT Edge deployments" (learn.microsoft.com, how-to-retrieve-iot-edge-logs): syslog
severity, time, text.
"""

import logging
import re
import sys
from datetime import UTC, datetime

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


def redacted(text: str) -> str:
    """`text` without the user name and password of any URL, and without shared keys."""
    return _SHARED_KEY.sub("***", _USERINFO.sub("***@", text))


class EdgeFormatter(logging.Formatter):
    """One record as IoT Edge's log format has it, UTC, redacted."""

    def format(self, record: logging.LogRecord) -> str:
        """Format `record`; a traceback follows on lines of its own."""
        severity, name = next(
            ((number, name) for level, number, name in _SEVERITIES if record.levelno >= level), _DEBUG
        )
        at = datetime.fromtimestamp(record.created, UTC).isoformat(" ", "milliseconds")
        return redacted(f"<{severity}> {at[:-6]} {at[-6:]} [{name}] - {super().format(record)}")


def set_up_logging(level: str = "INFO") -> None:
    """Send all logs to standard output in IoT Edge's format; the Azure SDK is only heard from `ERROR` on.

    Raises:
        ValueError: `level` is no level of `logging`.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(EdgeFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # What the SDK says on lower levels (each send, each retry) is told once, in our words, by the transport.
    logging.getLogger("azure.iot.device").setLevel(logging.ERROR)
