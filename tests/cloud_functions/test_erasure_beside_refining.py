"""An erasure forgets history while the timer refines: what is committed meanwhile stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import deltalake
import pytest

from cloud_functions.erase import Erasure
from cloud_functions.erasure_wish import Wish
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
from cloud_functions.lake.silver import EVENTS
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = OPENS + timedelta(days=3)
DOOR = "//contoso.azure-devices.net/store-1-box/door"


@pytest.mark.parametrize("step", ["create_checkpoint", "vacuum"])
def test_what_is_refined_while_an_erasure_forgets_the_history_of_silver_stays(
    step: str, shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(shop.crossed(3, track="t1")))
    cloud.refine()
    real, late = getattr(deltalake.DeltaTable, step), iter([shop.message(shop.crossed(500, track="t2"))])

    def meanwhile(table: Any, *args: Any, **how: Any) -> Any:
        for message in late if "silver/events" in table.table_uri else ():
            cloud.land(message)
            assert cloud.refine(LATER).events == 1
        return real(table, *args, **how)

    monkeypatch.setattr(deltalake.DeltaTable, step, meanwhile)
    wish = Wish.of_track("store-1", f"{DOOR}#t1")
    Erasure(cloud.files, cloud.lake, cloud.stores, wish).run(LATER)
    assert next(late, None) is None
    assert cloud.sql("SELECT COUNT(*) AS n, COUNT(track_id) AS tracks FROM events") == [{"n": 2, "tracks": 2}]
    assert [row["in_raw"] for row in cloud.gold(FOOTFALL.form)] == [2]


def test_an_erasure_that_died_while_it_forgot_history_leaves_the_log_its_retention_once_it_is_given_again(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(shop.crossed(3, track="t1")))
    cloud.refine()
    erasure = Erasure(cloud.files, cloud.lake, cloud.stores, Wish.of_track("store-1", f"{DOOR}#t1"))

    def dies(*_: Any, **__: Any) -> None:
        raise OSError("the process was killed here")

    with monkeypatch.context() as on:
        on.setattr(deltalake.DeltaTable, "cleanup_metadata", dies)
        with pytest.raises(StorageError):
            erasure.run(LATER)
    erasure.run(LATER)
    kept = cloud.lake.open(EVENTS).metadata().configuration["delta.logRetentionDuration"]
    assert kept == "interval 30 days"
