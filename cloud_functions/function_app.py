"""The functions of the app: which trigger calls what. Everything else is in the files beside this one."""

import os
from typing import Any, List  # noqa: UP035 - Microsoft's worker takes no list[...] here

import azure.functions as func

from cloud_functions import service
from cloud_functions.trigger import Senders

app = func.FunctionApp()

BATCHES: dict[str, Any] = {
    "arg_name": "events",
    "connection": "EVENT_HUB",
    "consumer_group": "%EVENT_HUB_CONSUMER_GROUP%",
    "cardinality": func.Cardinality.MANY,
    "data_type": func.DataType.BINARY,
}
UNTIL_IT_IS_KEPT: dict[str, Any] = {
    "strategy": "exponential_backoff",
    "max_retry_count": "-1",
    "minimum_interval": "00:00:02",
    "maximum_interval": "00:01:00",
}
"""Without a policy the trigger moves on whether the function failed or not."""


@app.function_name("land")
@app.event_hub_message_trigger(event_hub_name="%EVENT_HUB_NAME%", **BATCHES)
@app.retry(**UNTIL_IT_IS_KEPT)
def land(events: List[func.EventHubEvent]) -> None:  # noqa: UP006 - as above
    """Keep what the stores sent by way of IoT Hub."""
    service.land_events(events, Senders.IOT_HUB)


# The host does not start where a setting that a trigger names is missing, and most have no such event hub.
if os.environ.get("DIRECT_EVENT_HUB_NAME"):

    @app.function_name("land_direct")
    @app.event_hub_message_trigger(event_hub_name="%DIRECT_EVENT_HUB_NAME%", **BATCHES)
    @app.retry(**UNTIL_IT_IS_KEPT)
    def land_direct(events: List[func.EventHubEvent]) -> None:  # noqa: UP006 - as above
        """Keep what the stores sent around IoT Hub."""
        service.land_events(events, Senders.PUBLISHERS)


@app.function_name("refine")
@app.timer_trigger(arg_name="timer", schedule="%REFINE_SCHEDULE%", use_monitor=True)
def refine(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger's
    """Make figures of it."""
    service.refine_bronze()


@app.function_name("upkeep")
@app.timer_trigger(arg_name="timer", schedule="%UPKEEP_SCHEDULE%", use_monitor=True)
def upkeep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger's
    """Keep the tables small and quick."""
    service.keep_up()
