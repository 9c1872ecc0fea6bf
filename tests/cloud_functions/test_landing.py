import base64
import dataclasses
import itertools
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cloud_functions import bronze, landing, quarantine
from cloud_functions.folder import FolderFiles
from cloud_functions.lake_port import Files
from cloud_functions.landing import Landed, land
from cloud_functions.message import Batch
from cloud_functions.paths import LandedFile
from cloud_functions.settings import Settings
from cloud_functions.storage import open_files
from cloud_functions.stores import Stores
from local_azure.azurite.process import AzuriteProcess
from storeflow.contract.envelope import MAX_EVENTS
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, 0, 0, 123_000, UTC)

Batches = Callable[..., Batch]


def lines(files: Files) -> list[bronze.BronzeLine]:
    return [line for path in files.files("bronze") for line in bronze.read(files.read(path), path)]


def refused(files: Files) -> list[quarantine.QuarantineLine]:
    return [line for path in files.files("quarantine") for line in quarantine.read(files.read(path), path)]


def test_a_batch_lands_in_one_file_under_the_hour_in_which_its_last_message_came_in(
    shop: Any, stores: Stores, files: Files, batch_of: Batches
) -> None:
    first = shop.message(shop.crossed(1.0), enqueued_at=datetime(2026, 11, 20, 9, 59, 59, tzinfo=UTC))
    last = shop.message(shop.crossed(2.0), enqueued_at=datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC))
    land(batch_of(first, last), stores, files, last.enqueued_at + timedelta(minutes=3))
    path = "bronze/contoso/store-events/0/2026/11/20/10/000000000000-000000000001.ndjson.gz"
    assert files.files("bronze") == [path]
    assert LandedFile.at(path) == LandedFile("2026/11/20/10", 1, 0, path)


def test_a_batch_that_lands_late_is_found_though_refining_is_hours_ahead(shop: Any, cloud: Any) -> None:
    """It was refused at first, for nobody had entered its device; and the event hub hands it over once more."""
    early, stores = shop.message(shop.crossed(1)), cloud.stores
    cloud.stores = Stores(iot_hubs=stores.iot_hubs, stores={"store-2": stores.stores["store-2"]})
    batch = Batch("contoso", "store-events", "0", [early])
    land(batch, cloud.stores, cloud.files, OPENS)
    cloud.stores = stores
    cloud.land(shop.message(shop.crossed(3 * 3600)), at=OPENS + timedelta(hours=3))
    assert cloud.refine(OPENS + timedelta(hours=3)).events == 1
    land(batch, stores, cloud.files, OPENS + timedelta(hours=4))
    assert cloud.refine(OPENS + timedelta(hours=4)).events == 1


def test_a_batch_that_comes_again_late_is_one_more_file_and_no_more_events(shop: Any, cloud: Any) -> None:
    taken_in, hours = OPENS + timedelta(minutes=45), []
    batch = Batch("contoso", "store-events", "0", [shop.message(shop.crossed(1), enqueued_at=taken_in)])
    for minutes in (0, 20, 30, 31, 70, 80):
        land(batch, cloud.stores, cloud.files, taken_in + timedelta(minutes=minutes))
        hours.append([file.hour[-2:] for path in cloud.files.files("bronze") if (file := LandedFile.at(path))])
    assert hours == [["09"]] * 3 + [["09", "10"]] * 2 + [["09", "10", "11"]]
    assert cloud.refine(OPENS + timedelta(hours=2)).events == 1


def test_what_lands_by_a_clock_that_is_ahead_hides_nothing_that_lands_behind_it(shop: Any, cloud: Any) -> None:
    first, second = (shop.message(shop.crossed(at), enqueued_at=OPENS) for at in (1, 2))
    for number, (message, at) in enumerate(((first, OPENS + timedelta(days=30)), (second, OPENS))):
        land(Batch("contoso", "store-events", "0", [message]), cloud.stores, cloud.files, at)
        assert cloud.refine(OPENS + timedelta(minutes=number)).events == 1


def test_a_line_has_the_event_as_it_came_and_what_the_hub_says_of_it(
    shop: Any, stores: Stores, files: Files, batch_of: Batches
) -> None:
    shop.message(b"")
    message = shop.message(shop.crossed())
    assert land(batch_of(message), stores, files, NOW).events == 1
    (line,) = lines(files)
    assert line.event.encode() == message.body
    assert line._replace(event="") == bronze.BronzeLine(
        partition="0",
        sequence_number=1,
        place=0,
        offset="512",
        enqueued_at="2026-11-20T09:00:01.000Z",
        device_id="store-1-box",
        module_id="upstream_router",
        ingested_at="2026-11-20T12:00:00.123Z",
        event="",
    )


def test_poison_is_kept_with_its_bytes_and_reason_and_all_else_lands(
    shop: Any, stores: Stores, files: Files, batch_of: Batches
) -> None:
    poison = b"\x00\xff no event at all"
    messages = [shop.message(shop.crossed(1.0)), shop.message(poison), shop.packed(shop.crossed(2.0), b'{"id": null}')]
    landed = land(batch_of(*messages), stores, files, NOW)
    assert (landed.events, landed.quarantined) == (2, {"not_utf8": 1, "not_an_event": 1})
    assert [(line.sequence_number, line.place) for line in lines(files)] == [(0, 0), (2, 0)]
    whole, part = refused(files)
    assert base64.b64decode(whole.body) == poison
    assert (whole.device_id, whole.sequence_number, whole.place, whole.code) == ("store-1-box", 1, None, "not_utf8")
    assert "byte 1" in whole.reason
    assert base64.b64decode(part.body) == b'{"id": null}'
    assert (part.sequence_number, part.place, part.code) == (2, 1, "not_an_event")


def test_what_is_in_quarantine_can_be_judged_again(
    shop: Any, stores: Stores, folder: FolderFiles, batch_of: Batches
) -> None:
    messages = [
        shop.message(shop.crossed(1.0), device_id="store-9-box"),
        shop.packed(shop.crossed(2.0), device_id="store-9-box", store_id=None),
    ]
    land(batch_of(*messages), stores, folder, NOW)
    assert [line.message() for line in refused(folder)] == messages


def test_the_same_batch_again_changes_nothing(shop: Any, stores: Stores, files: Files, batch_of: Batches) -> None:
    batch = batch_of(shop.message(shop.crossed()), shop.message(b"poison"))
    land(batch, stores, files, NOW)
    kept = {path: files.read(path) for path in files.files("bronze") + files.files("quarantine")}
    land(batch, stores, files, NOW + timedelta(minutes=1))
    assert {path: files.read(path) for path in files.files("bronze") + files.files("quarantine")} == kept


def test_batches_that_come_again_with_other_boundaries_double_nothing_for_readers(
    shop: Any, stores: Stores, folder: FolderFiles, batch_of: Batches
) -> None:
    messages = [shop.packed(shop.crossed(at), shop.crossed(at + 0.5)) for at in range(200)]
    rng = random.Random(5)  # noqa: S311 - boundaries, no secrets
    for _ in range(6):
        cuts = sorted({0, 200, *rng.sample(range(1, 200), 9)})
        for begin, end in itertools.pairwise(cuts):
            land(batch_of(*messages[begin:end]), stores, folder, NOW)
    found = lines(folder)
    assert len(found) > 400
    once = {(line.partition, line.sequence_number, line.place): line.event for line in found}
    assert len(once) == 400
    assert len(set(once.values())) == 400


def test_a_hub_that_was_made_anew_and_numbers_from_0_again_loses_nothing(
    shops: Any, stores: Stores, files: Files, batch_of: Batches
) -> None:
    for at in (1.0, 2.0):
        shop = shops("store-1")
        batch = batch_of(shop.message(shop.crossed(at)))
        land(batch, stores, files, NOW)
        land(batch, stores, files, NOW)
    paths = files.files("bronze")
    assert len(paths) == 2
    assert all(LandedFile.at(path) for path in paths)
    assert len({line.event for line in lines(files)}) == 2


def test_a_batch_that_becomes_large_lands_in_pieces_that_are_the_same_when_it_comes_again(
    shop: Any, stores: Stores, folder: FolderFiles, batch_of: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [shop.packed(*(shop.crossed(10.0 * number + at) for at in range(5)), b"{}") for number in range(10)]
    size = 5 * len(shop.crossed(10.0).to_json())
    monkeypatch.setattr(landing, "PIECE_BYTES", 3 * size - 100)
    held: list[int] = []

    def pack(some: Sequence[NamedTuple]) -> bytes:
        held.append(len(some))
        return bronze.pack(some)

    monkeypatch.setattr(landing, "pack", pack)
    for _ in range(2):
        assert land(batch_of(*messages), stores, folder, NOW) == Landed(50, {"not_an_event": 10})
    names = ["0-2", "3-5", "6-8", "9-9"]
    for area in ("bronze", "quarantine"):
        found = [path.rpartition("/")[2].removesuffix(".ndjson.gz") for path in folder.files(area)]
        assert ["-".join(str(int(part)) for part in name.split("-")) for name in found] == names
    assert max(held) == 15
    once = {(line.sequence_number, line.place) for line in lines(folder)}
    assert len(once) == len(lines(folder)) == 50


def test_very_many_wrong_events_leave_a_line_of_log_for_each_code(
    shop: Any, stores: Stores, folder: FolderFiles, batch_of: Batches, caplog: pytest.LogCaptureFixture
) -> None:
    full = shop.packed(*[b'{"id": null}'] * MAX_EVENTS)
    some = shop.packed(shop.crossed(1.0), *[b"7"] * 5)
    messages = [dataclasses.replace(full, sequence_number=number) for number in range(20)]
    landed = land(batch_of(*messages, some, shop.message(b"\xff")), stores, folder, NOW)
    assert landed == Landed(1, {"not_an_event": 25, "not_utf8": 1})
    told = sorted(record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert [text.partition(",")[0] for text in told] == [
        "quarantined 1 for not_utf8",
        "quarantined 25 for not_an_event",
    ]
    assert "2000 of its 2000 events" in told[1]
    assert {base64.b64decode(line.body) for line in refused(folder) if line.place is None} == {full.body, b"\xff"}


def test_a_device_is_believed_in_the_event_hub_of_its_own_iot_hub(
    shop: Any, stores: Stores, folder: FolderFiles, batch_of: Batches
) -> None:
    (ours,) = stores.iot_hubs
    hubs = {"iot_hubs": [ours, "fabrikam.azure-devices.net"], "event_hubs": {"store-events": ours, "other": ours}}
    several = Stores.model_validate(stores.model_dump() | hubs)
    batch = batch_of(shop.message(shop.crossed()))
    assert land(batch, several, folder, NOW) == Landed(1, {})
    theirs = several.model_copy(update={"event_hubs": {"store-events": "fabrikam.azure-devices.net"}})
    assert land(batch, theirs, folder, NOW) == Landed(0, {"device": 1})


class Refusing(FolderFiles):
    """A store that refuses the calls whose numbers it is given."""

    def __init__(self, root: Any, refuse: set[int]) -> None:
        super().__init__(root)
        self._refuse, self._calls = refuse, itertools.count()

    def create(self, path: str, content: bytes, labels: Mapping[str, str]) -> bool:  # noqa: D102 - as its base
        if next(self._calls) in self._refuse:
            raise StorageError(f"{path}: the service is busy")
        return super().create(path, content, labels)


@pytest.mark.parametrize("refuse", [{0}, {1}, {0, 1}])
def test_a_store_that_refuses_is_reported_and_the_next_try_keeps_everything(
    refuse: set[int], shop: Any, stores: Stores, tmp_path: Any, batch_of: Batches
) -> None:
    files = Refusing(tmp_path, refuse)
    batch = batch_of(shop.message(shop.crossed()), shop.message(b"poison"))
    tries = 0
    while True:
        tries += 1
        try:
            land(batch, stores, files, NOW)
        except StorageError:
            continue
        break
    assert tries > 1
    assert len(lines(files)) == len(refused(files)) == 1


@pytest.mark.usefixtures("azurite_installed")
def test_an_outage_of_azure_storage_loses_nothing(shop: Any, stores: Stores, batch_of: Batches, tmp_path: Path) -> None:
    batches = [batch_of(shop.message(shop.crossed(at))) for at in range(2)]
    with AzuriteProcess(tmp_path / "azurite") as azurite:
        files: Any = open_files(Settings("lake", "", azurite.connection_string, ""))
        files._container._config.retry_policy.total_retries = 0
        files._container.create_container()
        land(batches[0], stores, files, NOW)
        azurite.kill()
        with pytest.raises(StorageError):
            land(batches[1], stores, files, NOW)
        azurite.start()
        for batch in batches:
            land(batch, stores, files, NOW)
        assert [line.sequence_number for line in lines(files)] == [0, 1]
