"""HTTP functions, Event Grid's deliveries, and timers run by hand."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from local_azure.functions_host.http import paths
from storeflow.errors import ConfigError

GRID = "/runtime/webhooks/eventgrid?functionName=on_blob"
NOTIFICATION = {"aeg-event-type": "Notification"}


@dataclass
class Answer:
    """What came back."""

    status: int
    body: str
    headers: dict[str, str]


def call(
    host: Any, method: str, path: str, body: Any = None, *, key: bool = True, headers: dict[str, str] | None = None
) -> Answer:
    connection = HTTPConnection(urlsplit(host.process.url).netloc, timeout=10)
    sent = (
        {"Content-Type": "application/json"} | (headers or {}) | ({"x-functions-key": host.process.key} if key else {})
    )
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        return Answer(
            response.status, response.read().decode(), {name.lower(): value for name, value in response.headers.items()}
        )
    finally:
        connection.close()


def event(subject: str) -> dict[str, Any]:
    return {
        "id": "1",
        "topic": "/t",
        "subject": subject,
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-20T08:00:00Z",
        "data": {"url": "https://…/raw/1.ndjson.gz"},
        "dataVersion": "1",
    }


def test_a_function_gets_route_query_and_body_and_answers_in_full(host: Any) -> None:
    answer = call(host, "POST", "/api/stores/store-7/counts/3?line=door", {"in": 4})
    assert (answer.status, answer.headers["content-type"]) == (201, "application/json")
    assert json.loads(answer.body) == {
        "route": {"storeId": "store-7", "day": "3"},
        "query": {"line": "door"},
        "body": '{"in": 4}',
        "type": "application/json",
    }


def test_an_optional_parameter_may_be_left_out(host: Any) -> None:
    assert json.loads(call(host, "GET", "/api/stores/store-7/counts").body)["route"] == {"storeId": "store-7"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/stores/store-7/counts/monday", 404),
        ("GET", "/stores/store-7/counts", 404),
        ("DELETE", "/api/stores/store-7/counts", 405),
        ("GET", "/api/stores/store-7/counts?fail=1", 500),
    ],
)
def test_what_fits_no_route_or_fails_is_refused_with(host: Any, method: str, path: str, status: int) -> None:
    assert call(host, method, path).status == status


def test_a_function_with_a_key_asks_for_it(host: Any) -> None:
    path = "/api/stores/store-7/counts"
    assert call(host, "GET", path, key=False).status == 401
    assert call(host, "GET", f"{path}?code=wrong", key=False).status == 401
    assert call(host, "GET", f"{path}?code={host.process.key}", key=False).status == 201


def test_an_anonymous_function_takes_every_method_and_returns_text(host: Any) -> None:
    assert {call(host, method, "/api/open", key=False).body for method in ("GET", "PUT", "DELETE")} == {
        "GET",
        "PUT",
        "DELETE",
    }


def test_event_grid_delivers_each_event_of_a_list(host: Any) -> None:
    answer = call(host, "POST", GRID, [event("/a"), event("/b")], headers=NOTIFICATION)
    assert answer.status == 202
    seen = {line["subject"]: line for line in host.seen("on_blob")}
    assert seen.keys() >= {"/a", "/b"}
    assert seen["/a"]["kind"] == "Microsoft.Storage.BlobCreated"
    assert seen["/a"]["data"] == {"url": "https://…/raw/1.ndjson.gz"}


def test_event_grid_is_answered_with_its_own_code_when_it_asks_whether_we_want_its_events(host: Any) -> None:
    question = {"data": {"validationCode": "512d38b6"}}
    answer = call(host, "POST", GRID, [question], headers={"aeg-event-type": "SubscriptionValidation"})
    assert (answer.status, json.loads(answer.body)) == (200, {"validationResponse": "512d38b6"})
    answer = call(host, "OPTIONS", GRID, headers={"WebHook-Request-Origin": "eventgrid.azure.net"})
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        (GRID, NOTIFICATION, [event("/c"), event("/fail")], 500),
        (GRID, {}, [event("/d")], 400),
        (GRID, {"aeg-event-type": "Unsubscribe"}, [], 202),
        ("/runtime/webhooks/eventgrid?functionName=land", NOTIFICATION, [event("/e")], 404),
        ("/runtime/webhooks/eventgrid", NOTIFICATION, [event("/e")], 404),
    ],
)
def test_event_grid_is_told(host: Any, path: str, headers: dict[str, str], body: Any, status: int) -> None:
    assert call(host, "POST", path, body, headers=headers).status == status


def test_event_grid_and_the_admin_need_a_key(host: Any) -> None:
    assert call(host, "POST", GRID, [event("/f")], key=False, headers=NOTIFICATION).status == 401
    assert call(host, "POST", "/admin/functions/nightly", {}, key=False).status == 401


def test_a_timer_runs_by_hand(host: Any, eventually: Any) -> None:
    assert call(host, "POST", "/admin/functions/nightly", {}).status == 202
    eventually(lambda: host.seen("nightly", past_due=False), "the run")
    assert call(host, "POST", "/admin/functions/gone", {}).status == 404


@pytest.mark.parametrize(
    ("route", "prefix", "expected"),
    [
        ("stores/{id}", "api", ["/api/stores/{id:[^/]+}"]),
        ("/stores/{id:int}/", "", [r"/stores/{id:-?\d+}"]),
        ("files/{*path}", "api", ["/api/files/{path:.*}"]),
        ("days/{day:alpha?}", "api", ["/api/days/{day:[A-Za-z]+}", "/api/days"]),
    ],
)
def test_a_route_becomes_paths(route: str, prefix: str, expected: list[str]) -> None:
    assert paths(route, prefix) == expected


def test_a_constraint_that_is_not_known_is_named() -> None:
    with pytest.raises(ConfigError, match=r"constraint 'regex' is not known"):
        paths("{id:regex}", "api")
