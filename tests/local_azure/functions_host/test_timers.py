import datetime as dt
import itertools
import time
from typing import Any

from azure.storage.blob import BlobClient


def status_blob(azurite: Any, host_id: str) -> BlobClient:
    """Where Azure's hosts keep when a timer ran."""
    name = f"timers/{host_id}/Host.Functions.nightly/status"
    return BlobClient.from_connection_string(azurite.connection_string, "azure-webjobs-hosts", name)


def test_a_timer_runs_at_every_moment_of_its_schedule_and_at_no_other(host: Any, eventually: Any) -> None:
    eventually(lambda: len(host.seen("tick")) >= 3, "three ticks")
    moments = [line["at"] for line in host.seen("tick")]
    assert all(moment % 1 < 0.5 for moment in moments), moments
    steps = [round(after - before) for before, after in itertools.pairwise(moments)]
    assert set(steps) == {1}
    assert {line["past_due"] for line in host.seen("tick")} == {False}


def test_a_restart_does_not_run_again_what_ran_in_time(own_host: Any, azurite: Any, case: str, eventually: Any) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    once = f"{soon.second} {soon.minute} {soon.hour} {soon.day} {soon.month} *"
    host = own_host("nightly", NIGHTLY=once, AzureFunctionsWebHost__hostid=case)
    with host.process, status_blob(azurite, case) as status:
        eventually(status.exists, "the status of a run")
    assert [line["past_due"] for line in host.seen("nightly")] == [False]
    with host.process:
        time.sleep(1)
    assert len(host.seen("nightly")) == 1


def test_what_was_missed_while_no_host_ran_is_made_up_for_once(
    own_host: Any, azurite: Any, case: str, eventually: Any
) -> None:
    missed = '{"Last": "2026-11-17T03:00:00+00:00", "Next": "2026-11-18T03:00:00+00:00", "LastUpdated": ""}'
    with status_blob(azurite, case) as status:
        status.upload_blob(missed, overwrite=True)
    host = own_host("nightly", AzureFunctionsWebHost__hostid=case)
    with host.process:
        eventually(lambda: host.seen("nightly"), "the run that was missed")
        time.sleep(0.5)
    (line,) = host.seen("nightly")
    assert line["past_due"] is True
    assert line["status"]["Last"] == "2026-11-17T03:00:00+00:00"
