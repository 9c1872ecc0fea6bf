"""Which files are refined is in one table, and a run that dies anywhere loses nothing of them."""

import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pytest

from cloud_functions import rebuild, refine
from cloud_functions.lake import ledger, silver, tables
from cloud_functions.lake.ledger import FILES
from cloud_functions.lake.rows import FileNote
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.refine import Silver, refine_silver
from storeflow.contract import envelope
from storeflow.contract.events import SCHEMA_VERSION
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

Clouds = Callable[[str], Any]


def run(cloud: Any, **how: Any) -> Silver:
    return refine_silver(cloud.files, cloud.lake, OPENS, **how)


def ids(cloud: Any) -> list[str]:
    return sorted(row["id"] for row in cloud.sql("SELECT id FROM events"))


def noted(cloud: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = cloud.sql("SELECT * FROM f ORDER BY path", f=FILES)
    return rows


def newer(event: Any, **changes: Any) -> bytes:
    """An event of a sender that is newer than this software."""
    schema = {"dataschema": f"urn:storeflow:schema:9.1:{event.type}"}
    return json.dumps(json.loads(event.to_json()) | schema | changes).encode()


def upgrade(monkeypatch: pytest.MonkeyPatch, version: str = "9.5") -> None:
    for module in (envelope, ledger):
        monkeypatch.setattr(module, "SCHEMA_VERSION", version)


def overwrite(cloud: Any, path: str, content: bytes) -> None:
    (cloud.files._root / path).write_bytes(content)


def test_the_row_of_a_file_says_what_became_of_it(shop: Any, cloud: Any) -> None:
    shelf = newer(shop.crossed(2), type="storeflow.shelf.touched")
    cloud.land(shop.message(shop.crossed(1)), shop.packed(newer(shop.crossed(3)), shelf, shelf), partition="3")
    run(cloud)
    (row,) = noted(cloud)
    assert [row["path"]] == cloud.files.files("bronze")
    assert (row["partition"], row["hour"], row["hour_date"]) == ("contoso/store-events/3", OPENS, date(2026, 11, 20))
    assert (row["events"], row["rows"], row["waiting_events"], row["unreadable_lines"]) == (4, 1, 3, 0)
    assert [name for name, _ in json.loads(row["waiting"])] == ["storeflow.line.crossed", "storeflow.shelf.touched"]
    assert (row["read_by"], row["unreadable"]) == (SCHEMA_VERSION, "[]")
    assert row["refined_at"] == tables.mark(cloud.lake.open(EVENTS), RUNS)


def test_a_file_that_cannot_be_read_is_noted_and_logged_once_and_all_others_are_refined(
    shop: Any, cloud: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(3):
        cloud.land(shop.message(shop.crossed(at)), partition=str(at))
    corrupt = cloud.files.files("bronze")[1]
    overwrite(cloud, corrupt, cloud.files.read(corrupt)[:-4])
    caplog.set_level(logging.ERROR)
    assert run(cloud) == Silver(events=2, waiting=0, unreadable=1)
    assert len(caplog.records) == 1
    assert corrupt in caplog.text
    assert json.loads(noted(cloud)[1]["unreadable"])[0][0] is None
    monkeypatch.setattr(cloud.files, "read", lambda path: pytest.fail(f"{path} is read again"))
    assert run(cloud) == Silver(events=0, waiting=0, unreadable=0)


def test_a_file_that_was_mended_is_read_when_that_is_asked_for(shop: Any, cloud: Any) -> None:
    cloud.land(shop.message(shop.crossed(1)))
    (path,) = cloud.files.files("bronze")
    whole = cloud.files.read(path)
    overwrite(cloud, path, b"rot")
    run(cloud)
    assert run(cloud, again=True).unreadable == 1
    overwrite(cloud, path, whole)
    assert run(cloud, again=True) == Silver(events=1, waiting=0, unreadable=0)
    assert [(row["rows"], row["unreadable_lines"]) for row in noted(cloud)] == [(1, 0)]


def test_a_line_that_a_newer_version_can_read_is_read_by_it_and_by_no_other(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(shop.crossed(1)), shop.message(shop.crossed(2)))
    (path,) = cloud.files.files("bronze")
    whole = cloud.files.read(path)
    overwrite(cloud, path, whole[:-4])
    run(cloud)
    overwrite(cloud, path, whole)
    upgrade(monkeypatch, "0.9")
    assert run(cloud).events == 0
    upgrade(monkeypatch)
    assert run(cloud).events == 2
    assert noted(cloud)[0]["read_by"] == "9.5"


def test_what_waited_and_turns_out_wrong_is_set_aside_and_its_neighbours_are_rows(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = shop.crossed(1), json.loads(shop.crossed(2).to_json())["data"] | {"direction": "sideways"}
    cloud.land(shop.packed(newer(good), newer(shop.crossed(2), data=bad)))
    assert run(cloud) == Silver(events=0, waiting=2, unreadable=0)
    upgrade(monkeypatch)
    assert run(cloud) == Silver(events=1, waiting=0, unreadable=1)
    assert ids(cloud) == [good.id]
    (row,) = noted(cloud)
    assert (row["waiting_events"], row["unreadable_lines"]) == (0, 1)
    assert "direction" in row["unreadable"]
    assert run(cloud) == Silver(events=0, waiting=0, unreadable=0)


def test_an_upgrade_judges_what_waited_as_landing_would_have_its_camera_too(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = json.loads(shop.crossed(1).to_json())["data"] | {"camera_id": "till"}
    cloud.land(shop.message(newer(shop.crossed(1), data=other)), shop.message(newer(shop.crossed(2))))
    run(cloud)
    upgrade(monkeypatch)
    assert run(cloud) == Silver(events=1, waiting=0, unreadable=1)
    assert "camera_id is 'till'" in noted(cloud)[0]["unreadable"]


def test_however_many_files_waited_they_are_noted_again_without_a_list_of_them(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine reads a list as a tree, and of one of 22,000 names the process dies."""
    folder = "bronze/contoso/store-events/0/2026/11"
    paths = [f"{folder}/{day:02d}/09/{at:012d}-{at:012d}.ndjson.gz" for day in range(1, 31) for at in range(50)]
    ledger.note(cloud.lake.open(FILES), [FileNote(path, 1) for path in paths], 1)
    asked: list[str] = []

    def told(table: Any, rows: Any, key: Any, where: str, marks: Any) -> None:
        asked.append(where)
        tables.merge(table, rows, key, where, marks)

    monkeypatch.setattr(ledger, "merge", told)
    ledger.note_again(cloud.lake.open(FILES), [FileNote(path, 2) for path in paths[50:]], 2)
    assert [len(where) < 100 for where in asked] == [True]
    assert Counter(row["events"] for row in noted(cloud)) == {1: 50, 2: 1450}


def test_a_file_that_waited_and_is_gone_holds_nothing_up(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(newer(shop.crossed(1))))
    run(cloud)
    (path,) = cloud.files.files("bronze")
    (cloud.files._root / path).unlink()
    cloud.land(shop.message(shop.crossed(2)))
    upgrade(monkeypatch)
    assert run(cloud) == Silver(events=1, waiting=0, unreadable=1)
    assert "gone" in noted(cloud)[0]["unreadable"]


def test_a_store_that_refuses_a_file_ends_the_run_and_nothing_is_noted_of_it(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(shop.crossed(1)))

    def refuses(path: str) -> bytes:
        raise StorageError(f"{path}: busy")

    with monkeypatch.context() as patch:
        patch.setattr(cloud.files, "read", refuses)
        with pytest.raises(StorageError, match="busy"):
            run(cloud)
    assert noted(cloud) == []
    assert run(cloud).events == 1


def test_a_partition_that_is_idle_makes_no_other_list_more(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(shop.crossed(0)), partition="idle")
    for hour in range(50):
        cloud.land(shop.message(shop.crossed(hour)), at=OPENS + timedelta(hours=hour))
    run(cloud)
    listed: list[str] = []
    files = cloud.files.files

    def told(folder: str) -> list[str]:
        listed.append(folder)
        found: list[str] = files(folder)
        return found

    monkeypatch.setattr(cloud.files, "files", told)
    refine_silver(cloud.files, cloud.lake, OPENS + timedelta(hours=49))
    assert sorted(listed) == [
        "bronze/contoso/store-events/0/2026/11/22/09",
        "bronze/contoso/store-events/0/2026/11/22/10",
        "bronze/contoso/store-events/idle/2026/11/20/09",
    ]


def test_a_file_of_an_hour_before_takes_its_partition_no_hour_back(shop: Any, cloud: Any) -> None:
    marks = []
    for hours in (2, 1):
        cloud.land(shop.message(shop.crossed(hours)), at=OPENS + timedelta(hours=hours))
        assert run(cloud).events == 1
        marks.append(tables.mark(cloud.lake.open(FILES), "contoso/store-events/0"))
    assert marks == [(OPENS.timestamp() + 2 * 3600) // 3600] * 2


def test_a_commit_is_of_as_many_rows_as_are_allowed_and_not_of_one_file_each(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_functions.lake.rows.MAX_ROWS", 10)
    for at in range(0, 36, 3):
        sent = [shop.crossed(at + more) for more in range(3)]
        cloud.land(shop.packed(*sent), partition=str(at % 2))
    version = cloud.lake.open(EVENTS).version()
    assert run(cloud).events == 36
    sizes = cloud.sql("SELECT COUNT(*) AS n FROM events GROUP BY refined_at ORDER BY refined_at")
    assert [row["n"] for row in sizes] == [12, 12, 12]
    assert cloud.lake.open(EVENTS).version() - version == 3


def test_a_run_that_finds_nothing_new_makes_no_commit(shop: Any, cloud: Any) -> None:
    cloud.land(shop.message(shop.crossed(1)), shop.message(newer(shop.crossed(2))))
    run(cloud)
    versions = [cloud.lake.open(form).version() for form in (EVENTS, FILES)]
    run(cloud)
    assert [cloud.lake.open(form).version() for form in (EVENTS, FILES)] == versions


def test_a_file_is_noted_once_its_rows_are_there_and_an_older_run_cannot_note_it_as_well(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(shop.crossed(1)))
    note = ledger.note

    def overtaken(*given: Any) -> None:
        assert noted(cloud) == []
        monkeypatch.setattr(ledger, "note", note)
        assert run(cloud).events == 0
        note(*given)

    monkeypatch.setattr(ledger, "note", overtaken)
    with pytest.raises(StorageError):
        run(cloud)
    assert len(noted(cloud)) == len(ids(cloud)) == 1


class Death:
    """The process dies before the `number`th commit; so the commit before it is done, and nobody knows."""

    def __init__(self, number: int) -> None:
        self.left = number

    def of(self, commit: Callable[..., None]) -> Callable[..., None]:
        """Let a commit be one that the process may die before."""

        def dies(*given: Any, **how: Any) -> None:
            self.left -= 1
            if not self.left:
                raise StorageError("the process was killed here")
            commit(*given, **how)

        return dies


def test_a_run_may_die_at_every_commit_also_of_an_upgrade_and_of_better_copies(
    shop: Any, clouds: Clouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, copied = clouds("begun"), shop.crossed(1)
    begun.land(shop.packed(newer(shop.crossed(5)), shop.crossed(6)), partition="0")
    begun.land(shop.message(newer(shop.crossed(7))), shop.message(copied), partition="1", at=OPENS + timedelta(hours=1))
    run(begun)
    begun.land(shop.message(copied), shop.message(shop.crossed(8)), partition="1", at=OPENS)
    begun.land(shop.message(newer(shop.crossed(9), type="storeflow.shelf.touched")), partition="1", at=OPENS)
    upgrade(monkeypatch)
    number, died = 0, True
    expected: list[str] = []
    while died:
        number += 1
        shutil.copytree(tmp_path / "begun", tmp_path / f"cloud-{number}")
        cloud, death = clouds(f"cloud-{number}"), Death(number)
        with monkeypatch.context() as patch:
            patch.setattr(tables, "write_deltalake", death.of(deltalake.write_deltalake))
            for place in (silver, ledger):
                patch.setattr(place, "merge", death.of(tables.merge))
            try:
                run(cloud)
                died = False
            except StorageError:
                pass
        assert died == (death.left <= 0)
        run(cloud)
        rows = [*noted(cloud), *cloud.sql("SELECT * FROM events")]
        found = sorted(str(row | {"refined_at": 0}) for row in rows)
        expected = expected or found
        assert found == expected
    assert number == 5
    assert len(ids(cloud)) == len(set(ids(cloud))) == 5
    assert copied.id in ids(cloud)
    assert sum(row["waiting_events"] for row in noted(cloud)) == 1


def test_what_could_not_be_read_yet_is_in_no_rebuild_either_and_what_can_is_in_both(
    shop: Any, clouds: Clouds, stores: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, beside = clouds("cloud"), clouds("beside")
    cloud.land(shop.packed(shop.crossed(1), newer(shop.crossed(2))))
    cloud.land(shop.message(shop.crossed(3)), partition="1")
    overwrite(cloud, cloud.files.files("bronze")[1], b"rot")
    cloud.refine()
    upgrade(monkeypatch)
    cloud.refine()
    made = rebuild.rebuild(cloud.files, beside.lake, stores, OPENS)
    assert (made.events, made.unreadable) == (2, 1)
    assert rebuild.differences(cloud.lake, beside.lake) == {}
    assert ids(cloud) == ids(beside)


def test_a_run_says_what_it_made(shop: Any, cloud: Any) -> None:
    cloud.land(shop.packed(shop.crossed(1), newer(shop.crossed(2))))
    made = cloud.refine()
    assert isinstance(made, refine.Run)
    assert (made.events, made.waiting, made.unreadable, made.figures["fact_footfall_15m"]) == (1, 1, 0, 1)
