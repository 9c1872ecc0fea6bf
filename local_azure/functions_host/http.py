"""HTTP and Event Grid triggers, and the run of a timer by hand: what a function app serves.

Sources: functions-bindings-http-webhook-trigger (routes, keys, 204 for nothing); functions-manually-run-non-http;
Azure/azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.EventGrid, `EventGridExtensionConfigProvider.cs` and
`HttpRequestProcessor.cs`; event-grid/end-point-validation-event-grid-events-schema.
"""

import asyncio
import hmac
import json
import logging
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from aiohttp import web
from azure.functions import meta

from local_azure.functions_host.app import Function, converters
from local_azure.functions_host.invocations import Invoker
from local_azure.functions_host.timers import TimerListener
from storeflow.errors import ConfigError

LOG = logging.getLogger(__name__)

EVENT_GRID_PATH = "/runtime/webhooks/eventgrid"
MAX_BODY_BYTES = 100 * 1024 * 1024

_CONSTRAINTS = {"": "[^/]+", "int": r"-?\d+", "long": r"-?\d+", "alpha": "[A-Za-z]+", "guid": "[0-9A-Fa-f-]{36}"}
_PARAMETER = re.compile(r"\{(\*?)(\w+)(?::(\w+))?(\??)\}")


class HttpFrontEnd:
    """Answers for the functions of an app.

    Args:
        functions: all of the app's.
        timers: listeners by the name of their function.
        prefix: in front of every route, `api` unless host.json says otherwise.
        key: what functions with a key ask for; None for no question, as with Core Tools on a developer's machine.
    """

    def __init__(
        self,
        functions: Sequence[Function],
        timers: Mapping[str, TimerListener],
        invoker: Invoker,
        *,
        prefix: str,
        key: str | None,
    ) -> None:
        self._invoker = invoker
        self._timers = timers
        self._key = key
        self._by_grid = {each.name: each for each in functions if each.trigger["type"] == "eventGridTrigger"}
        self._running: set[asyncio.Task[Any]] = set()
        self.application = web.Application(client_max_size=MAX_BODY_BYTES)
        router = self.application.router
        for function in functions:
            if function.trigger["type"] == "httpTrigger":
                methods = [str(getattr(each, "value", each)) for each in function.trigger.get("methods") or ("*",)]
                for path in paths(function.trigger.get("route") or function.name, prefix):
                    for method in methods:
                        router.add_route(method, path, self._handler(function))
        router.add_post(EVENT_GRID_PATH, self._event_grid)
        router.add_options(EVENT_GRID_PATH, self._validate_cloud_events)
        router.add_post("/admin/functions/{name}", self._run_by_hand)

    def _refused(self, request: web.Request) -> bool:
        given = request.headers.get("x-functions-key") or request.query.get("code") or ""
        return self._key is not None and not hmac.compare_digest(given.encode(), self._key.encode())

    def _handler(self, function: Function) -> Any:
        level = str(getattr(function.trigger.get("authLevel"), "value", "function"))

        async def handle(request: web.Request) -> web.StreamResponse:
            if level != "anonymous" and self._refused(request):
                return web.Response(status=401)
            data = await _request(request)
            outcome = await self._invoker.run(
                function, lambda: function.decode(data), f"{request.method} {request.path}"
            )
            if outcome.error is not None:
                return web.Response(status=500)
            return _response(outcome.value)

        return handle

    async def _event_grid(self, request: web.Request) -> web.Response:
        if self._refused(request):
            return web.Response(status=401)
        function = self._by_grid.get(request.query.get("functionName", ""))
        if function is None:
            return web.Response(status=404, text=f"cannot find function: {request.query.get('functionName')!r}")
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return web.Response(status=202)
        if kind not in {"subscriptionvalidation", "notification"}:
            return web.Response(status=400)
        events = await request.json()
        events = events if isinstance(events, list) else [events]
        if kind == "subscriptionvalidation":
            return web.json_response({"validationResponse": events[0]["data"]["validationCode"]})
        data = [meta.Datum(json.dumps(event), "json") for event in events]
        runs = (self._invoker.run(function, partial(function.decode, each), "event grid") for each in data)
        failed = [outcome.error for outcome in await asyncio.gather(*runs) if outcome.error is not None]
        return web.Response(status=500, text=str(failed[0])) if failed else web.Response(status=202)

    async def _validate_cloud_events(self, request: web.Request) -> web.Response:
        """Let Event Grid deliver CloudEvents: it asks once, by OPTIONS."""
        origin = request.headers.get("WebHook-Request-Origin", "")
        return web.Response(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})

    async def _run_by_hand(self, request: web.Request) -> web.Response:
        if self._refused(request):
            return web.Response(status=401)
        timer = self._timers.get(request.match_info["name"])
        if timer is None:
            return web.Response(status=404)
        run = asyncio.create_task(timer.fire())
        self._running.add(run)
        run.add_done_callback(self._running.discard)
        return web.Response(status=202)


def paths(route: str, prefix: str) -> list[str]:
    """Return the paths of aiohttp's for a route of ASP.NET's; two where its last parameter is optional.

    Raises:
        ConfigError: a constraint that is not known here.
    """
    whole = "/" + "/".join(part.strip("/") for part in (prefix, route) if part.strip("/"))

    def parameter(match: re.Match[str]) -> str:
        everything, name, constraint, _ = match.groups()
        pattern = ".*" if everything else _CONSTRAINTS.get(constraint or "")
        if pattern is None:
            raise ConfigError([f"route {route!r}: the constraint {constraint!r} is not known here"])
        return f"{{{name}:{pattern}}}"

    path = _PARAMETER.sub(parameter, whole)
    last = re.search(r"/\{\w+(?::\w+)?\?\}$", whole)
    return [path, _PARAMETER.sub(parameter, whole[: last.start()]) or "/"] if last else [path]


async def _request(request: web.Request) -> "meta.Datum":
    def text(value: str) -> "meta.Datum":
        return meta.Datum(value, "string")

    return meta.Datum(
        {
            "method": text(request.method),
            "url": text(str(request.url)),
            "headers": {name: text(value) for name, value in request.headers.items()},
            "query": {name: text(value) for name, value in request.query.items()},
            "params": {name: text(value) for name, value in request.match_info.items()},
            "body": meta.Datum(await request.read(), "bytes"),
        },
        "http",
    )


def _response(value: Any) -> web.Response:
    if value is None:
        return web.Response(status=204)
    encoded = converters.get("http").encode(value, expected_type=None)
    if encoded.type == "string":
        return web.Response(text=encoded.value)
    fields = encoded.value
    response = web.Response(status=int(fields["status_code"].value), body=fields["body"].value)
    for name, header in fields["headers"].items():
        response.headers[name] = header.value
    for cookie in fields["cookies"] or ():
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response
