"""Drives Microsoft's own worker library, azure-functions-runtime, on an app, and prints what it made of it.

    python3.13 microsoft_worker.py APP < invocations.json

It stands where the host of Azure does: the library's three handlers (start, index, invoke) are asked directly, with
objects that have the fields of its protocol's messages. An invocation is `{"function", "parameter", "data": {"json" |
"collection_bytes": … | "collection_base64": …}, "metadata": {…}}`. Printed is what was found and how each ended,
`{"functions": {name: {"bindings", "retry"}}, "outcomes": [error or null]}`, or `{"error"}` where it refused the app.
Runs on Python 3.13, which the library needs, and so in a process of its own.
"""

import asyncio
import importlib
import json
import sys
import types
from base64 import b64decode
from pathlib import Path
from types import SimpleNamespace
from typing import Any

KINDS = (
    *("string", "json", "bytes", "stream", "http", "int", "double", "model_binding_data"),
    *("collection_bytes", "collection_string", "collection_double", "collection_sint64"),
    "collection_model_binding_data",
)


class Fields(SimpleNamespace):
    """A message of the protocol: whatever fields it is made with."""


class StatusResult(Fields):
    """How something went."""

    Failure, Success = 0, 1


class BindingInfo(Fields):
    """A binding; directions are numbers there."""

    inout, out, undefined = 2, 1, 0


setattr(BindingInfo, "in", 0)


class TypedData(Fields):
    """A value of one of several kinds."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**dict.fromkeys(KINDS) | fields)
        self._kind = next(iter(fields), None)

    def WhichOneof(self, name: str) -> str | None:  # noqa: N802 - protobuf's name
        """Return the kind that is set."""
        del name
        return self._kind


class Protocol(types.ModuleType):
    """The module of messages: those with a meaning above, and any other as it is asked for."""

    StatusResult, BindingInfo, TypedData = StatusResult, BindingInfo, TypedData

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (Fields,), {})
        setattr(self, name, made)
        return made


PROTOCOL = Protocol("protocol")


def request(**fields: Any) -> Fields:
    """Return what a handler is called with."""
    return Fields(request=Fields(**fields), properties={"host": "127.0.0.1", "protos": PROTOCOL})


def typed(data: dict[str, Any]) -> TypedData:
    """Return a value from its kind and text."""
    if "collection_bytes" in data:
        return TypedData(collection_bytes=Fields(bytes=[text.encode() for text in data["collection_bytes"]]))
    if "collection_base64" in data:
        return TypedData(collection_bytes=Fields(bytes=[b64decode(text) for text in data["collection_base64"]]))
    return TypedData(**data)


def invocation(function_id: str, asked: dict[str, Any]) -> Fields:
    """Return the message that asks for one run of a function."""
    value = Fields(name=asked["parameter"], data=typed(asked["data"]), WhichOneof=lambda _: "data")
    return Fields(
        invocation_id="1",
        function_id=function_id,
        input_data=[value],
        trigger_metadata={name: TypedData(json=json.dumps(each)) for name, each in asked["metadata"].items()},
        trace_context=Fields(trace_parent="", trace_state="", attributes={}),
        retry_context=Fields(retry_count=0, max_retry_count=2, exception=None),
    )


def retry(options: Any) -> list[float] | None:
    """Return the most retries, and the shortest and longest pause in seconds; None without a policy."""
    if options is None:
        return None
    if options.retry_strategy == "fixed_delay":
        return [options.max_retry_count, *[options.delay_interval.total_seconds()] * 2]
    pauses = (options.minimum_interval, options.maximum_interval)
    return [options.max_retry_count, *(each.total_seconds() for each in pauses)]


async def drive(app: Path, invocations: list[dict[str, Any]]) -> dict[str, Any]:
    """Start, index and invoke."""
    handle_event = importlib.import_module("azure_functions_runtime.handle_event")

    start = Fields(capabilities={}, function_app_directory=str(app))
    started = await handle_event.worker_init_request(request(worker_init_request=start))
    if started.result.status != StatusResult.Success:
        return {"error": str(started.result.exception.message)}
    index = Fields(function_app_directory=str(app))
    indexed = await handle_event.functions_metadata_request(request(functions_metadata_request=index))
    found = {each.name: each for each in indexed.function_metadata_results}
    outcomes = []
    for asked in invocations:
        run = invocation(found[asked["function"]].function_id, asked)
        answer = await handle_event.invocation_request(request(invocation_request=run))
        failed = answer.result.status != StatusResult.Success
        outcomes.append(str(answer.result.exception.message) if failed else None)
    functions = {
        name: {"bindings": [json.loads(text) for text in each.raw_bindings], "retry": retry(each.retry_options)}
        for name, each in found.items()
    }
    return {"functions": functions, "outcomes": outcomes}


if __name__ == "__main__":
    app = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(app))
    print(json.dumps(asyncio.run(drive(app, json.load(sys.stdin)))))  # noqa: T201 - what it is for
