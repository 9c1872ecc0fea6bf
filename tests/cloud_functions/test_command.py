"""The commands of an administrator, on a lake in Azure Storage."""

import csv
import gzip
from datetime import timedelta
from typing import Any

import pytest

from cloud_functions import landing, quarantine
from cloud_functions.__main__ import main
from cloud_functions.anonymous import ERASED
from cloud_functions.settings import Settings
from cloud_functions.storage import open_files
from cloud_functions.stores import PATH, Stores

TRACK = "//contoso.azure-devices.net/store-1-box/door#t1"


@pytest.fixture
def lake(container: Any, stores: Stores, shop: Any, batch_of: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where a person, and a message that is none, have landed."""
    monkeypatch.setenv("LAKE_CONNECTION_STRING", container.connection_string)
    monkeypatch.setenv("LAKE_CONTAINER", container.name)
    files = open_files(
        Settings.of({"LAKE_CONNECTION_STRING": container.connection_string, "LAKE_CONTAINER": container.name})
    )
    files.create(PATH, stores.model_dump_json().encode(), {})
    messages = shop.message(shop.crossed(61, track="t1")), shop.message(b"poison")
    landing.land(batch_of(*messages), stores, files, messages[0].enqueued_at)
    return files


def content(files: Any) -> bytes:
    return b"".join(gzip.decompress(files.read(path)) for path in files.files("bronze"))


def test_a_person_is_erased_by_hand_after_it_was_asked_what_that_would_do(
    lake: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert main(["refine"]) == 0
    before = content(lake)
    assert main(["erase", "--store", "store-1", "--track", TRACK, "--dry-run"]) == 0
    assert "1 lines of bronze and 0 of quarantine would be erased" in caplog.text
    assert content(lake) == before
    assert main(["erase", "--store", "store-1", "--track", TRACK]) == 0
    assert "erased; 1 rows of silver" in caplog.text
    assert ERASED.encode() in content(lake)
    assert b'"t1"' not in content(lake)
    assert main(["rebuild", "beside"]) == 0


def test_a_replay_names_a_file_that_it_cannot_read_and_says_so_by_its_exit_code(
    lake: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["replay"]) == 0
    lake.create("quarantine/notes.txt", b"somebody's", {})
    assert main(["replay"]) == 1
    assert "quarantine/notes.txt: can't be read" in caplog.text
    (path,) = [path for path in lake.files("quarantine") if path.endswith(".gz")]
    assert [line.code for line in quarantine.read(lake.read(path), path)] == ["not_json"]


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--track", TRACK, "--all"],
        ["--from", "2026-11-20"],
        ["--before", "2026-11-20", "--to", "2026-11-21"],
        ["--from", "2026-11-21", "--to", "2026-11-20"],
        ["--before", "yesterday"],
    ],
)
def test_an_erasure_that_is_not_clear_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["erase", "--store", "store-1", *arguments])
    assert refused.value.code == 2
    assert main(["erase", "--store", "store-1", "--track", "t1"]) == 2


def test_a_file_that_cannot_be_read_is_told_once_and_again_where_that_is_asked_for(
    lake: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (path,) = lake.files("bronze")
    lake.create(f"{path.rpartition('/')[0]}/000000000900-000000000901.ndjson.gz", b"torn", {})
    told = "1 lines, or whole files, can't become rows"
    assert [main(["refine"]), caplog.text.count(told)] == [1, 1]
    assert [main(["refine"]), caplog.text.count(told)] == [0, 1]
    assert [main(["refine", "--again"]), caplog.text.count(told)] == [1, 2]


FOOTFALL = ("--fact", "fact_footfall_15m", "--from", "2026-11-20", "--to", "2026-11-21")


def test_figures_are_written_as_they_were_known_before_and_after_an_event_came_late(
    lake: Any, shops: Any, stores: Stores, batch_of: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    late, other = shops("store-1"), shops("store-2")
    sent = (
        late.message(late.crossed(30, track="t0"), sequence_number=7),
        other.packed(other.crossed(), other.crossed(86400), sequence_number=8),
    )
    for hours, message in zip((24, 48), sent, strict=True):
        landing.land(batch_of(message), stores, lake, message.enqueued_at + timedelta(hours=hours))
    assert main(["refine"]) == 0

    def known(moment: str, *more: str) -> list[tuple[str, str, str]]:
        assert main(["as-of", moment, *FOOTFALL, *more]) == 0
        rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
        return [(row["store_id"], row["window_start"], row["in_raw"]) for row in rows]

    first = "2026-11-20 09:00:00.000000Z"
    assert known("2026-11-20T08:00") == []
    assert known("2026-11-20T12:00") == [("store-1", first, "1")]
    assert known("2026-11-22") == [("store-1", first, "2")]
    assert known("2026-11-23") == [("store-1", first, "2"), ("store-2", first, "1")]
    assert known("2026-11-23", "--store", "store-2") == [("store-2", first, "1")]
    assert [start[:10] for _, start, _ in known("2026-11-23", "--store", "store-2", "--to", "2026-11-22")] == [
        "2026-11-20",
        "2026-11-21",
    ]
    with pytest.raises(SystemExit):
        known("2026-11-23", "--to", "2026-11-19")


def test_figures_of_a_lake_that_is_not_there_are_an_error_and_no_lake_is_made(
    lake: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["refine"]) == 0
    monkeypatch.setenv("LAKE_TABLES", "mistyped")
    assert main(["as-of", "2026-11-22", *FOOTFALL]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "/mistyped; is LAKE_TABLES right?" in err
    assert lake.files("mistyped") == []
