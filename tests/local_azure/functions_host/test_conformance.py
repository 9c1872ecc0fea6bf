"""Our host and Microsoft's own worker library make the same of one app: one for tests, and our own."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from local_azure.azurite.installation import cache_folder
from local_azure.functions_host.app import load_functions
from tests.conftest import skip_or_fail

WORKER = "azure-functions-runtime==1.3.0"
DRIVER = Path(__file__).with_name("microsoft_worker.py")
APP = Path(__file__).with_name("app")
REPOSITORY = Path(__file__).parents[3]
OUR_APP = REPOSITORY / "cloud_functions"
INVOCATIONS = REPOSITORY / "tests" / "cloud_functions" / "invocations"
NAMES = ("TELEMETRY_HUB", "TELEMETRY", "LANDING_GROUP", "SINGLE_GROUP", "PATIENT_GROUP")


@pytest.fixture(scope="module")
def worker_python() -> Path:
    """A Python 3.13 that has the worker library and what our app needs: made in the cache, once, where there is one."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    needed = [WORKER, *project["dependencies"], *project["optional-dependencies"]["cloud-functions"]]
    folder = cache_folder() / f"microsoft-worker-{hashlib.sha256(repr(needed).encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if python.exists():
        return python
    base = _python_3_13()
    if base is None:
        pytest.skip("no Python 3.13 on this machine, which Microsoft's worker library needs")
    partial = folder.with_suffix(f".{os.getpid()}.partial")
    try:
        pip = (partial / "bin" / "python", "-m", "pip", "install", "-q", *needed)
        for command in ((base, "-m", "venv", partial), pip):
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - ours, built above
        partial.rename(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        skip_or_fail(f"{WORKER} cannot be installed: {error}")
    return python


def _python_3_13() -> Path | None:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = shutil.which("python3.13")
    for python in (*versions.glob("3.13.*/bin/python"), *([Path(found)] if found else [])):
        # A shim of pyenv's is there also where its Python is not.
        if subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0:  # noqa: S603 - a Python
            return python
    return None


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The app's settings; nothing connects."""
    settings = dict.fromkeys(NAMES, "x") | {"NIGHTLY": "0 0 3 * * *", "SEEN": str(tmp_path)}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


def ask(
    python: Path, app: Path, invocations: list[dict[str, Any]], environment: dict[str, str] | None = None
) -> dict[str, Any]:
    run = subprocess.run(  # noqa: S603 - ours
        [python, DRIVER, app],
        input=json.dumps(invocations),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | (environment or {}),
    )
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def batch(*events: dict[str, Any]) -> dict[str, Any]:
    """Ask for a run of `land`, with metadata as the extension sends it."""
    system = [
        {"SequenceNumber": n, "Offset": str(n), "PartitionKey": "s", "EnqueuedTimeUtc": "2026-11-20T08:00:00.000Z"}
        for n in range(len(events))
    ]
    metadata = {"PartitionContext": {"PartitionId": "0"}, "SystemPropertiesArray": system, "PropertiesArray": [{}]}
    bodies = [json.dumps({"case": "c", **event}) for event in events]
    return {"function": "land", "parameter": "events", "data": {"collection_bytes": bodies}, "metadata": metadata}


def test_both_find_the_same_functions_triggers_and_retry_policies(
    worker_python: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(APP))
    monkeypatch.delitem(sys.modules, "function_app", raising=False)
    ours = {function.name: function for function in load_functions(APP, environment)}
    theirs = ask(worker_python, APP, [])["functions"]
    assert theirs.keys() == ours.keys()
    for name, function in ours.items():
        triggers = [each["type"] for each in theirs[name]["bindings"] if each["type"].endswith("Trigger")]
        assert triggers == [function.trigger["type"]]
        retry = function.retry
        assert theirs[name]["retry"] == ([retry.most, retry.minimum, retry.maximum] if retry else None)


def test_the_workers_converters_give_a_function_what_ours_do(
    worker_python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    del environment
    good, poison = batch({"number": 1}, {"number": 2}), batch({"number": 3, "for": "land", "do": "fail"})
    first, second = ask(worker_python, APP, [good, poison])["outcomes"]
    assert first is None
    assert "asked to fail by event 3" in second
    ended = [json.loads(line) for line in (tmp_path / "seen.ndjson").read_text().splitlines()][1]
    assert ended["step"] == "end"
    assert ended["sequence_numbers"] == [0, 1]
    assert ended["keys"] == ["s", "s"]
    assert ended["enqueued"] == ["2026-11-20T08:00:00+00:00"] * 2


@pytest.mark.parametrize(
    "line",
    [
        "def land(events: list[func.EventHubEvent]) -> None: ...",
        "def land(batch: List[func.EventHubEvent]) -> None: ...",
    ],
)
def test_what_we_refuse_the_worker_refuses_too(worker_python: Path, tmp_path: Path, line: str) -> None:
    trigger = '@app.event_hub_message_trigger("events", event_hub_name="h", connection="C", cardinality="many")'
    source = f"from typing import List\nimport azure.functions as func\napp = func.FunctionApp()\n{trigger}\n{line}\n"
    (tmp_path / "function_app.py").write_text(source)
    assert "error" in ask(worker_python, tmp_path, [])


def recalled(name: str, function: str) -> dict[str, Any]:
    """Ask for a run of one of our functions, with what the host hands over."""
    kept = json.loads((INVOCATIONS / f"{name}.json").read_text())
    data = {"collection_base64": kept["bodies"]}
    return {"function": function, "parameter": "events", "data": data, "metadata": kept["metadata"]}


def test_the_worker_indexes_our_own_app_as_our_host_does_and_events_land_in_it(
    worker_python: Path, container: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        **dict.fromkeys(("EVENT_HUB", "EVENT_HUB_NAME", "EVENT_HUB_CONSUMER_GROUP", "DIRECT_EVENT_HUB_NAME"), "x"),
        **dict.fromkeys(("REFINE_SCHEDULE", "UPKEEP_SCHEDULE"), "0 0 3 * * *"),
        "LAKE_CONNECTION_STRING": container.connection_string,
        "LAKE_CONTAINER": container.name,
        "PYTHONPATH": str(REPOSITORY),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    register = {
        "iot_hubs": ["contoso.azure-devices.net"],
        "stores": {"store-1": {"name": "One", "time_zone": "Europe/Berlin", "devices": ["store-1-box"]}},
    }
    container.client.upload_blob("config/stores.json", json.dumps(register))
    monkeypatch.syspath_prepend(str(OUR_APP))
    monkeypatch.delitem(sys.modules, "function_app", raising=False)
    ours = {function.name: function for function in load_functions(OUR_APP, settings)}

    asked = [recalled("iot_hub", "land"), recalled("publishers", "land_direct")]
    theirs = ask(worker_python, OUR_APP, asked, settings)
    assert theirs["outcomes"] == [None, None]
    assert theirs["functions"].keys() == ours.keys() == {"land", "land_direct", "refine", "upkeep"}
    for name, function in ours.items():
        assert theirs["functions"][name]["bindings"][0]["type"] == function.trigger["type"]
        retry = function.retry
        assert theirs["functions"][name]["retry"] == ([retry.most, retry.minimum, retry.maximum] if retry else None)
    landed = [
        json.loads(json.loads(line)["event"])["source"]
        for name in container.client.list_blob_names(name_starts_with="bronze/")
        for line in gzip.decompress(container.client.download_blob(name).readall()).splitlines()
    ]
    assert set(landed) == {"//contoso.azure-devices.net/store-1-box/door"}
    assert any("/store-events-direct/" in name for name in container.client.list_blob_names(name_starts_with="bronze/"))
