"""Our host and Microsoft's own worker library make the same of one app."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_azure.azurite.installation import cache_folder
from local_azure.functions_host.app import load_functions
from tests.conftest import skip_or_fail

WORKER = "azure-functions-runtime==1.3.0"
DRIVER = Path(__file__).with_name("microsoft_worker.py")
APP = Path(__file__).with_name("app")
NAMES = ("TELEMETRY_HUB", "TELEMETRY", "LANDING_GROUP", "SINGLE_GROUP", "PATIENT_GROUP")


@pytest.fixture(scope="module")
def worker_python() -> Path:
    """A Python 3.13 that has the worker library: made in the cache, once, where the machine has such a Python."""
    folder = cache_folder() / WORKER.replace("==", "-")
    python = folder / "bin" / "python"
    if python.exists():
        return python
    base = _python_3_13()
    if base is None:
        pytest.skip("no Python 3.13 on this machine, which Microsoft's worker library needs")
    partial = folder.with_suffix(f".{os.getpid()}.partial")
    try:
        pip = (partial / "bin" / "python", "-m", "pip", "install", "-q", WORKER)
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


def ask(python: Path, app: Path, invocations: list[dict[str, Any]]) -> dict[str, Any]:
    run = subprocess.run(  # noqa: S603 - ours
        [python, DRIVER, app], input=json.dumps(invocations), capture_output=True, text=True, check=False
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
