import json
from pathlib import Path
from typing import Any

import pytest

from local_azure.functions_host.settings import expand, read_host_settings, read_local_settings, required, seconds
from storeflow.errors import ConfigError

OVERRIDE = "AzureFunctionsJobHost__extensions__eventHubs__"


def file(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "document.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_host_json_has_the_defaults_of_azure(tmp_path: Path) -> None:
    read = read_host_settings(file(tmp_path, {"version": "2.0", "logging": {}}), {})
    assert read.http.route_prefix == "api"
    options = read.event_hubs
    assert (options.max_event_batch_size, options.min_event_batch_size, options.max_wait_time) == (100, 1, 60)
    assert (options.prefetch_count, options.batch_checkpoint_frequency) == (300, 1)
    assert options.initial_offset_options.type == "fromStart"


def test_a_setting_overrides_host_json(tmp_path: Path) -> None:
    path = file(
        tmp_path, {"version": "2.0", "extensions": {"eventHubs": {"maxEventBatchSize": 10, "prefetchCount": 5}}}
    )
    more = {f"{OVERRIDE}maxEventBatchSize": "7", f"{OVERRIDE}maxWaitTime": "00:00:30", "OTHER": "1"}
    options = read_host_settings(path, more).event_hubs
    assert (options.max_event_batch_size, options.prefetch_count, options.max_wait_time) == (7, 5, 30)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"version": "1.0"}, "version"),
        ({"version": "2.0", "extensions": {"eventHubs": {"maxEventBatchSize": 0}}}, r"eventHubs\.maxEventBatchSize"),
        ({"version": "2.0", "extensions": {"eventHubs": {"maxWaitTime": "1 min"}}}, "expected hh:mm:ss, got '1 min'"),
        ("{", "document.json"),
    ],
)
def test_a_host_json_that_is_wrong_is_told_where(tmp_path: Path, document: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_host_settings(file(tmp_path, document), {})


def test_local_settings_are_the_values(tmp_path: Path) -> None:
    path = file(tmp_path, {"IsEncrypted": False, "Values": {"TELEMETRY": "Endpoint=sb://…"}, "Host": {}})
    assert read_local_settings(path) == {"TELEMETRY": "Endpoint=sb://…"}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"IsEncrypted": True, "Values": {}}, "IsEncrypted"),
        ({"Values": {"THREADS": 4}}, r"Values\.THREADS: expected text, got 4"),
        ("[", "document.json"),
    ],
)
def test_local_settings_that_cannot_be_used_are_refused(tmp_path: Path, document: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_local_settings(file(tmp_path, document))


def test_a_binding_names_settings() -> None:
    assert expand("%HUB%-%SUFFIX%", {"HUB": "telemetry", "SUFFIX": "eu"}) == "telemetry-eu"
    with pytest.raises(ConfigError, match="GONE: a binding needs this setting"):
        expand("%GONE%", {})


def test_a_connection_that_is_missing_is_named_with_what_needs_it() -> None:
    with pytest.raises(ConfigError, match="TELEMETRY: land: its event hub needs this setting"):
        required("TELEMETRY", {}, "land: its event hub")
    with pytest.raises(ConfigError, match="an identity instead of a connection string is not supported"):
        required("TELEMETRY", {"TELEMETRY__fullyQualifiedNamespace": "x.servicebus.windows.net"}, "land")


@pytest.mark.parametrize(("text", "value"), [("00:00:00.2", 0.2), ("01:02:03", 3723), ("1.00:00:00", 86400)])
def test_a_time_span_is_read(text: str, value: float) -> None:
    assert seconds(text) == value
