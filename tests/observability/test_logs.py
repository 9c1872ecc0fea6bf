import logging
import subprocess
import sys
from pathlib import Path

import pytest

from storeflow.observability.logs import MAX_LINE_LENGTH, EdgeFormatter, RecentLines, redacted, redacted_document


@pytest.mark.parametrize(
    ("level", "start"),
    [
        (logging.DEBUG, "<7> 2026-01-01 00:00:00.250 +00:00 [DBG] - "),
        (logging.INFO, "<6> 2026-01-01 00:00:00.250 +00:00 [INF] - "),
        (logging.WARNING, "<4> 2026-01-01 00:00:00.250 +00:00 [WRN] - "),
        (logging.ERROR, "<3> 2026-01-01 00:00:00.250 +00:00 [ERR] - "),
        (logging.CRITICAL, "<2> 2026-01-01 00:00:00.250 +00:00 [FTL] - "),
    ],
)
def test_a_line_is_what_iot_edges_log_pull_parses(level: int, start: str) -> None:
    record = logging.LogRecord("n", level, "p", 1, "%d events", (3,), None)
    record.created = 1_767_225_600.25

    assert EdgeFormatter().format(record) == start + "3 events"


def test_what_opens_a_door_is_not_logged() -> None:
    text = "rtsp://admin:s3cret@10.0.0.7/1 HostName=h;SharedAccessKey=a2V5; SharedAccessSignature sr=x&sig=y"

    assert redacted(text) == "rtsp://***@10.0.0.7/1 HostName=h;SharedAccessKey=***; SharedAccessSignature ***"


@pytest.mark.parametrize("password", ["a/b", "p@ss", "/@/@", "s3cret?x#y"])
def test_a_password_that_ought_to_be_escaped_is_not_logged_either(password: str) -> None:
    text = f"no answer from rtsp://admin:{password}@10.0.0.7/live at 10:00, mail to a@b"

    assert redacted(text) == "no answer from rtsp://***@10.0.0.7/live at 10:00, mail to a@b"


def test_every_string_of_a_document_is_redacted_wherever_it_stands() -> None:
    document = {
        "rtsp://u:p@h": [{"url": "rtsp://u:p@h/1", "fps": 10}, ("SharedAccessKey=a2V5",)],
        "on": True,
        "no": None,
    }

    assert redacted_document(document) == {
        "rtsp://***@h": [{"url": "rtsp://***@h/1", "fps": 10}, ["SharedAccessKey=***"]],
        "on": True,
        "no": None,
    }


def test_the_last_lines_are_kept_as_they_were_written_redacted_and_short() -> None:
    recent = RecentLines(lines=3)
    for text in ("first", "second", "rtsp://admin:s3cret@10.0.0.7/1", "x" * (2 * MAX_LINE_LENGTH)):
        recent.handle(logging.LogRecord("n", logging.INFO, "p", 1, text, (), None))

    second, address, long = recent.lines()
    assert second.endswith("[INF] - second")
    assert address.endswith("[INF] - rtsp://***@10.0.0.7/1")
    assert len(long) == MAX_LINE_LENGTH + 2
    assert long.endswith("x …")


def test_half_a_character_costs_no_line(repository: Path) -> None:
    code = """
import logging
from storeflow.observability.logs import set_up_logging
set_up_logging()
logging.getLogger("module").warning("%s: unknown section", "\\ud800 Kööln")
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, check=True, text=True)  # noqa: S603 - ours
    assert ended.stderr == ""
    assert ended.stdout.endswith("[WRN] - \\ud800 Kööln: unknown section\n")
