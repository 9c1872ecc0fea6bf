"""IoT Hub's routes: which endpoints a message goes to."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.__main__ import forwarding
from local_azure.edge_hub.message_routing import MessageRouting, RoutingProperties, as_queried, load_routing
from local_azure.edge_hub.store import UpstreamMessage
from storeflow.errors import ConfigError

JSON = {"contentType": "application/json", "contentEncoding": "UTF-8"}
IDENTITY = {"connectionDeviceId": "store-1", "connectionModuleId": "upstream_router"}


def document(*routes: tuple[str, str], fallback: dict[str, Any] | None = None) -> dict[str, Any]:
    """Routes by endpoint and condition, on a hub with the endpoints `alerts` and `figures`."""
    return {
        "endpoints": {"eventHubs": [{"name": name, "entityPath": f"{name}-hub"} for name in ("alerts", "figures")]},
        "routes": [
            {
                "name": f"r{number}",
                "source": "DeviceMessages",
                "condition": condition,
                "endpointNames": [endpoint],
                "isEnabled": True,
            }
            for number, (endpoint, condition) in enumerate(routes)
        ],
    } | ({} if fallback is None else {"fallbackRoute": fallback})


def routing(*routes: tuple[str, str], fallback: dict[str, Any] | None = None) -> MessageRouting:
    return MessageRouting(RoutingProperties.model_validate(document(*routes, fallback=fallback)), "telemetry")


def message(
    body: Any = None, properties: dict[str, str] | None = None, system: dict[str, str] | None = None
) -> UpstreamMessage:
    stamped = {**IDENTITY, **(system or {})}
    return UpstreamMessage(
        7, 1_700_000_000.5, "/messages/modules/m", json.dumps(body).encode(), properties or {}, stamped
    )


WEATHER = {"Weather": {"Temperature": 50, "IsEnabled": True, "HistoricalData": [{"Month": "Feb"}]}}


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("true", True),
        ("false", False),
        ("processingPath = 'hot'", True),
        ("processingPath = 'cold'", False),
        ("absent = 'hot'", False),
        ("$contentEncoding = 'UTF-8' AND processingPath = 'hot'", True),
        ("$connectionDeviceId = 'store-1' AND $connectionModuleId = 'upstream_router'", True),
        ("$iothub-message-source = 'deviceMessages'", True),
        ("$enqueuedTime >= '2023-11-14T22:13:20.5'", True),
        ("$body.Weather.HistoricalData[0].Month = 'Feb'", True),
        ("$body.Weather.Temperature = 50 AND $body.Weather.IsEnabled", True),
        ("$body.Weather.Temperature = 49", False),
        ("$body[0] = 'Feb'", False),
    ],
)
def test_queries_read_properties_and_the_body_as_microsofts_examples_do(condition: str, taken: bool) -> None:
    found = routing(("alerts", condition)).endpoints_of(as_queried(message(WEATHER, {"processingPath": "hot"}, JSON)))
    assert found == ({"alerts"} if taken else {"events"})


@pytest.mark.parametrize(
    "system",
    [{}, {"contentType": "application/json"}, {"contentEncoding": "utf-8"}, {**JSON, "contentType": "text/plain"}],
)
def test_a_body_without_its_type_and_encoding_is_not_looked_into(system: dict[str, str]) -> None:
    by_body = routing(("alerts", "$body.Weather.Temperature = 50"))
    assert by_body.endpoints_of(as_queried(message(WEATHER, system=system))) == {"events"}
    assert by_body.endpoints_of(as_queried(message(WEATHER, system=JSON))) == {"alerts"}


def test_a_property_that_calls_itself_the_devices_id_deceives_no_query() -> None:
    by_device = routing(("alerts", "$connectionDeviceId = 'store-2'"), ("figures", "$own = 'x'"))
    assert by_device.endpoints_of(as_queried(message(properties={"$ConnectionDeviceId": "store-2"}))) == {"events"}
    assert by_device.endpoints_of(as_queried(message(properties={"$own": "x"}))) == {"figures"}


@pytest.mark.parametrize(
    ("routes", "fallback", "expected"),
    [
        ((), None, {"events"}),
        ((("alerts", "k = 'v'"), ("alerts", "true"), ("figures", "true")), None, {"alerts", "figures"}),
        ((("alerts", "true"), ("events", "true")), None, {"alerts", "events"}),
        ((("alerts", "false"),), {"endpointNames": ["events"], "isEnabled": True}, {"events"}),
        ((("alerts", "false"),), {"endpointNames": ["events"], "isEnabled": False}, set()),
        ((("alerts", "false"),), {"condition": "k = 'w'"}, set()),
        ((), {"isEnabled": False}, set()),
    ],
)
def test_every_route_that_matches_takes_a_copy_and_what_none_takes_falls_back_or_is_dropped(
    routes: tuple[tuple[str, str], ...], fallback: dict[str, Any] | None, expected: set[str]
) -> None:
    assert routing(*routes, fallback=fallback).endpoints_of(as_queried(message(properties={"k": "v"}))) == expected


def test_a_route_that_is_switched_off_takes_nothing() -> None:
    properties = document(("alerts", "true"))
    properties["routes"][0]["isEnabled"] = False
    found = MessageRouting(RoutingProperties.model_validate(properties), "telemetry")
    assert found.endpoints_of(as_queried(message())) == {"events"}
    assert found.event_hubs == {"events": "telemetry"}


def test_only_endpoints_that_a_route_leads_to_have_an_event_hub() -> None:
    assert routing(("alerts", "true")).event_hubs == {"events": "telemetry", "alerts": "alerts-hub"}
    assert routing(("alerts", "true"), fallback={"isEnabled": False}).event_hubs == {"alerts": "alerts-hub"}


@pytest.mark.parametrize(
    ("routes", "problem"),
    [
        ((("nowhere", "true"),), r"r0\.endpointNames: there is no endpoint 'nowhere'"),
        ((("alerts", "k ="),), r"r0\.condition: WHERE"),
        ((("alerts", "count > 3"),), r"r0\.condition: .*as_number"),
        ((("alerts", "$twin.tags.floor = 1"),), r"r0\.condition: .* asks for a twin"),
    ],
)
def test_what_is_wrong_with_a_route_is_said(routes: tuple[tuple[str, str], ...], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        routing(*routes)


def test_names_are_given_once() -> None:
    twice = document(("alerts", "true"), ("figures", "true"))
    twice["routes"][1]["name"] = "r0"
    twice["endpoints"]["eventHubs"][1]["name"] = "events"
    with pytest.raises(ConfigError) as refused:
        MessageRouting(RoutingProperties.model_validate(twice), "telemetry")
    assert {"routing.endpoints.eventHubs.events: this name is taken", "routing.routes.r0: this name is taken"} <= set(
        refused.value.problems
    )


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("{", "routing.json: "),
        ('{"rutes": []}', "rutes: Extra inputs are not permitted"),
        (json.dumps(document() | {"fallbackRoute": {"endpointNames": ["alerts"]}}), "'events'"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused(text: str, fact: str, tmp_path: Path) -> None:
    path = tmp_path / "routing.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=fact):
        load_routing(path)


POLICY = "Endpoint=sb://localhost;SharedAccessKeyName=p;SharedAccessKey=secret"


def options(file: Path, event_hub: str = "") -> argparse.Namespace:
    return argparse.Namespace(event_hubs=file, event_hub=event_hub, routing=None)


def test_the_built_in_endpoint_is_named_on_the_command_line_or_by_the_connection_string(tmp_path: Path) -> None:
    file = tmp_path / "connection_string"
    file.write_text(f"{POLICY};UseDevelopmentEmulator=true;EntityPath=telemetry\n")
    assert forwarding(options(file))[1].event_hubs == {"events": "telemetry"}
    assert forwarding(options(file, "other"))[1].event_hubs == {"events": "other"}


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (None, "--event-hubs: .*No such file"),
        (f"{POLICY};UseDevelopmentEmulator=true", "--event-hub: missing"),
        (f"{POLICY};EntityPath=telemetry", "TLS is not spoken here"),
    ],
)
def test_a_connection_string_that_leads_nowhere_is_refused_at_once(text: str | None, fact: str, tmp_path: Path) -> None:
    file = tmp_path / "connection_string"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=fact) as refused:
        forwarding(options(file))
    assert "secret" not in str(refused.value)
