"""A function app with each kind of trigger: it writes down what it sees, and does what events ask of it.

An event is `{"case": "…", "number": 7, "for": "land", "do": "fail"}`; `do` is for the function named alone.
"""

import asyncio
import json
import logging
import os
import time
from pathlib import Path
from typing import Any, List, cast  # noqa: UP035 - what the library knows, see the host's app.py

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
LOG = logging.getLogger(__name__)
SEEN = Path(os.environ["SEEN"])


def write(function: str, **facts: Any) -> None:
    line = json.dumps({"function": function, "process": os.getpid(), **facts}) + "\n"
    with SEEN.joinpath("seen.ndjson").open("a") as file:
        file.write(line)


def documents(events: list[func.EventHubEvent]) -> list[dict[str, Any]]:
    return [document_of(event.get_body()) for event in events]


def document_of(body: bytes) -> dict[str, Any]:
    """What an event says; one that other tests left on an event hub of Azure's is of no case, and asks for nothing."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    return document if isinstance(document, dict) and "case" in document else {"case": "", "number": -1}


def obey(function: str, asked: list[dict[str, Any]]) -> None:
    for document in asked:
        if document.get("for") == function:
            if document["do"] == "fail":
                raise ValueError(f"asked to fail by event {document['number']}")
            if document["do"] == "fail while told":
                if SEEN.joinpath(document["case"]).exists():
                    raise ValueError("asked to fail for now")
            elif document["do"] == "wait while told":
                while SEEN.joinpath(document["case"]).exists():
                    time.sleep(0.05)
            else:
                time.sleep(float(document["do"]))


@app.function_name("land")
@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%TELEMETRY_HUB%",
    connection="TELEMETRY",
    consumer_group="%LANDING_GROUP%",
    cardinality=func.Cardinality.MANY,
)
def land(events: List[func.EventHubEvent], context: func.Context) -> None:  # noqa: UP006 - as above
    asked = documents(events)
    facts: dict[str, Any] = {"events": asked, "id": context.invocation_id}
    write("land", step="begin", **facts)
    obey("land", asked)
    metadata: Any = events[0].metadata
    facts["partition"] = metadata["PartitionContext"]
    facts["metadata"] = {name: value for name, value in metadata.items() if name.endswith("Array")}
    facts["sequence_numbers"] = [event.sequence_number for event in events]
    facts["offsets"] = [event.offset for event in events]
    facts["keys"] = [event.partition_key for event in events]
    facts["enqueued"] = [event.enqueued_time.isoformat() for event in events if event.enqueued_time]
    facts["iothub"] = [event.iothub_metadata for event in events]
    facts["retry"] = [context.retry_context.retry_count, context.retry_context.max_retry_count]
    write("land", step="end", **facts)


@app.event_hub_message_trigger(
    arg_name="event", event_hub_name="%TELEMETRY_HUB%", connection="TELEMETRY", consumer_group="%SINGLE_GROUP%"
)
@app.retry(strategy="fixed_delay", max_retry_count="1", delay_interval="00:00:01")
async def single(event: func.EventHubEvent, context: func.Context) -> None:
    asked = documents([event])
    retry, metadata = context.retry_context, cast("dict[str, Any]", event.metadata)
    write(
        "single",
        events=asked,
        retry=[retry.retry_count, retry.max_retry_count],
        partition=metadata["PartitionContext"],
        properties=metadata["Properties"],
        sequence_number=event.sequence_number,
        key=event.partition_key,
    )
    await asyncio.sleep(0)
    obey("single", asked)


@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%TELEMETRY_HUB%",
    connection="TELEMETRY",
    consumer_group="%PATIENT_GROUP%",
    cardinality=func.Cardinality.MANY,
)
@app.retry(
    strategy="exponential_backoff", max_retry_count="-1", minimum_interval="00:00:01", maximum_interval="00:00:01"
)
def patient(events: List[func.EventHubEvent], context: func.Context) -> None:  # noqa: UP006 - as above
    asked = documents(events)
    metadata: Any = events[0].metadata
    partition = metadata["PartitionContext"]["PartitionId"]
    facts = {"events": asked, "retry": context.retry_context.retry_count, "partition": partition}
    write("patient", step="begin", **facts)
    obey("patient", asked)
    write("patient", step="end", **facts)


@app.timer_trigger(arg_name="tick", schedule="* * * * * *", use_monitor=False)
def tick(tick: func.TimerRequest) -> None:
    write("tick", past_due=tick.past_due, at=time.time())


@app.timer_trigger(arg_name="tick", schedule="%NIGHTLY%")
def nightly(tick: func.TimerRequest) -> None:
    write("nightly", past_due=tick.past_due, status=cast("Any", tick).schedule_status)


@app.route(route="stores/{storeId}/counts/{day:int?}", methods=["GET", "POST"])
async def counts(req: func.HttpRequest) -> func.HttpResponse:
    if req.params.get("fail"):
        raise ValueError("asked to fail")
    LOG.info("counts of %s", req.route_params["storeId"])
    seen = {
        "route": dict(req.route_params),
        "query": dict(req.params),
        "body": req.get_body().decode(),
        "type": req.headers.get("Content-Type"),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", status_code=201)


@app.route(route="open", auth_level=func.AuthLevel.ANONYMOUS)
def anyone(req: func.HttpRequest) -> str:
    return str(req.method)


@app.event_grid_trigger(arg_name="event")
def on_blob(event: func.EventGridEvent) -> None:
    if event.subject == "/fail":
        raise ValueError("asked to fail")
    write("on_blob", subject=event.subject, kind=event.event_type, data=event.get_json())
