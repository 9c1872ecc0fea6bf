"""What of an app is refused when it is loaded, and not only when it is needed."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local_azure.functions_host.app import Function, load_functions
from storeflow.errors import ConfigError

HEAD = """
from typing import List
import azure.functions as func
app = func.FunctionApp()
"""
HUB = '@app.event_hub_message_trigger(arg_name="events", event_hub_name="%HUB%", connection="C", cardinality="many")\n'
LAND = f"{HEAD}{HUB}def land(events: List[func.EventHubEvent]) -> None: ...\n"

Load = Callable[..., list[Function]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load an app from its source."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "function_app", raising=False)

    def from_source(source: str, **environment: str) -> list[Function]:
        (tmp_path / "function_app.py").write_text(source)
        try:
            return load_functions(tmp_path, {"HUB": "telemetry"} | environment)
        finally:
            sys.modules.pop("function_app", None)

    return from_source


def test_a_function_is_known_by_its_trigger_with_settings_put_in(load: Load) -> None:
    (land,) = load(LAND)
    assert (land.name, land.trigger["type"], land.trigger["eventHubName"]) == ("land", "eventHubTrigger", "telemetry")
    assert (land.retry, land.wants_context, land.is_async) == (None, False, False)


def test_a_setting_disables_a_function(load: Load) -> None:
    assert load(LAND, **{"AzureWebJobs.land.Disabled": "true"}) == []


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError.*nothing_of_that_name"),
        ("app = 1", "expected one FunctionApp at its top level, found 0"),
        (HEAD + "more = func.FunctionApp()", "found 2"),
        (LAND.replace("List[", "list["), r"cannot fill 'events': list.*write typing\.List, not list"),
        (LAND.replace("(events:", "(batch:"), "land: it has no parameter 'events'"),
        (LAND.replace("%HUB%", "%GONE%"), "GONE: a binding needs this setting"),
        (
            HEAD
            + '@app.queue_trigger(arg_name="m", queue_name="q", connection="C")\ndef q(m: func.QueueMessage): ...\n',
            "q: queueTrigger is not run here",
        ),
        (
            HEAD + '@app.blob_output(arg_name="out", path="a/b", connection="C")\n' + LAND.removeprefix(HEAD),
            "land: the binding blob is not run here",
        ),
    ],
)
def test_an_app_that_cannot_be_run_is_refused(load: Load, source: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(source)


def test_a_folder_without_an_app_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no function_app\.py"):
        load_functions(tmp_path, {})
