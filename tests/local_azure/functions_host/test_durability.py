"""What a host, a storage account or an event hub that goes away leaves undone: nothing that is not done later."""

import json
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.request import urlopen

SLOWLY = {"for": "land", "do": "0.02"}
BATCH_SIZE = "AzureFunctionsJobHost__extensions__eventHubs__maxEventBatchSize"
CHECKPOINT_EVERY = "AzureFunctionsJobHost__extensions__eventHubs__batchCheckpointFrequency"
LEAST = "AzureFunctionsJobHost__extensions__eventHubs__minEventBatchSize"
WAIT = "AzureFunctionsJobHost__extensions__eventHubs__maxWaitTime"


def open_batches(host: Any, case: str) -> set[str]:
    """The batches that a function has begun and not ended."""
    begun, ended = ({line["id"] for line in host.seen("land", case, step=step)} for step in ("begin", "end"))
    return begun - ended


def sizes(host: Any, case: str, process: int) -> set[int]:
    return {len(line["events"]) for line in host.seen("land", case, step="begin", process=process)}


def test_a_host_that_is_killed_within_a_batch_gives_every_event_out_at_least_once(
    own_host: Any, telemetry: Any, case: str, eventually: Any
) -> None:
    host = own_host("land")
    with host.process:
        telemetry.send(case, [SLOWLY] * 80, to="0")
        eventually(lambda: len(host.numbers("land", case, step="end")) >= 20, "the first batches")
        eventually(lambda: open_batches(host, case), "a batch under way")
        host.process.kill()
        interrupted = open_batches(host, case)
        first = host.seen("land", case)[0]["process"]
        assert interrupted, "the kill hit no batch"
        assert len(host.numbers("land", case, step="end")) < 80
        host.process.settings[BATCH_SIZE] = "7"
        host.process.start()
        eventually(lambda: len(host.numbers("land", case, step="end")) == 80, "all of them")
    second = host.seen("land", case)[-1]["process"]
    assert max(sizes(host, case, first)) == 10
    assert max(sizes(host, case, second)) == 7
    done = {event["number"] for line in host.seen("land", case, step="end", process=first) for event in line["events"]}
    again = {event["number"] for line in host.seen("land", case, process=second) for event in line["events"]}
    assert len(done & again) < 20, "the checkpoints were of no use"


def test_a_host_that_is_asked_to_stop_lets_a_function_end_and_gives_its_batch_out_again(
    own_host: Any, telemetry: Any, case: str, eventually: Any
) -> None:
    host = own_host("land")
    with host.process:
        telemetry.send(case, [{"for": "land", "do": "1.5"}], to="1")
        eventually(lambda: open_batches(host, case), "the batch under way")
        host.process.stop()
        assert host.process.exit_code() == 0
        assert open_batches(host, case) == set()
        assert len(host.seen("land", case, step="end")) == 1
        host.process.start()
        eventually(lambda: len(host.seen("land", case, step="end")) == 2, "the same batch again")


def test_a_function_that_does_not_end_cannot_hold_up_a_stop(
    own_host: Any, telemetry: Any, case: str, eventually: Any
) -> None:
    host = own_host("land", options=("--patience", "0.2"))
    told = host.folder / case
    told.touch()
    with host.process:
        telemetry.send(case, [{"for": "land", "do": "wait while told"}], to="1")
        eventually(lambda: open_batches(host, case), "the batch under way")
        host.process.stop()
        assert host.process.exit_code() == 0
        assert len(open_batches(host, case)) == 1


def test_a_checkpoint_every_few_batches_is_caught_up_with_at_a_stop(
    own_host: Any, telemetry: Any, case: str, eventually: Any
) -> None:
    host = own_host("land", **{CHECKPOINT_EVERY: "1000"})
    with host.process:
        telemetry.send(case, [{}] * 30, to="0")
        eventually(lambda: len(host.numbers("land", case, step="end")) == 30, "all of them")
        assert {
            line["partition"]["IsCheckpointingAfterInvocation"] for line in host.seen("land", case, step="end")
        } == {False}
    before = len(host.seen("land", case))
    with host.process:
        telemetry.send(f"{case} after", [{}], to="0")
        eventually(lambda: host.seen("land", f"{case} after"), "the next event")
    assert len(host.seen("land", case)) == before


def test_a_batch_waits_until_it_is_large_enough_or_has_waited_long_enough(
    own_host: Any, telemetry: Any, case: str, eventually: Any
) -> None:
    host = own_host("land", **{LEAST: "8", WAIT: "00:00:01"})
    with host.process:
        for _ in range(4):
            telemetry.send(case, [{}] * 2, to="0")
            time.sleep(0.1)
        eventually(lambda: host.seen("land", case), "eight events")
        assert len(host.seen("land", case, step="begin")[-1]["events"]) >= 8
        telemetry.send(f"{case} late", [{}], to="0")
        time.sleep(0.5)
        assert host.seen("land", f"{case} late") == []
        eventually(lambda: host.seen("land", f"{case} late"), "the time that a small batch waits")


def test_storage_that_is_away_for_a_while_loses_nothing(
    own_host: Any, own_storage: Any, telemetry: Any, case: str, eventually: Any
) -> None:
    host = own_host("land", AzureWebJobsStorage=own_storage.connection_string)
    with host.process:
        telemetry.send(case, [SLOWLY] * 60, to="0")
        eventually(lambda: len(host.numbers("land", case, step="end")) >= 10, "the first batches")
        own_storage.kill()
        time.sleep(0.2)
        assert len(host.numbers("land", case, step="end")) < 60
        own_storage.start()
        eventually(lambda: len(host.numbers("land", case, step="end")) == 60, "all of them", seconds=30)


def test_an_event_hub_that_is_away_for_a_while_loses_nothing(
    own_host: Any, own_hub: Any, case: str, eventually: Any
) -> None:
    hub, telemetry = own_hub
    host = own_host("land", **telemetry.settings)
    with host.process:
        telemetry.send(case, [SLOWLY] * 60)
        eventually(lambda: len(host.numbers("land", case, step="end")) >= 10, "the first batches")
        hub.kill()
        time.sleep(1)
        assert len(host.numbers("land", case, step="end")) < 60
        hub.start()
        eventually(lambda: len(host.numbers("land", case, step="end")) == 60, "all of them", seconds=30)


def test_an_app_runs_from_a_deployment_package_with_what_it_carries(own_host: Any, tmp_path: Path) -> None:
    package = tmp_path / "app.zip"
    app = """
import azure.functions as func
import rich
app = func.FunctionApp()

@app.route(route="who", auth_level=func.AuthLevel.ANONYMOUS)
def who(req: func.HttpRequest) -> str:
    return rich.WHO
"""
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("function_app.py", app)
        archive.writestr("host.json", json.dumps({"version": "2.0"}))
        archive.writestr(".python_packages/lib/site-packages/rich.py", "WHO = 'the one in the package'")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path / "wwwroot")
    host = own_host(app=tmp_path / "wwwroot")
    with host.process, urlopen(f"{host.process.url}/api/who", timeout=5) as answer:  # noqa: S310 - our own address
        assert answer.read() == b"the one in the package"
