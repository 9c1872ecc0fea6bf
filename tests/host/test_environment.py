from pathlib import Path

import pytest

from storeflow.errors import ConfigError
from storeflow.host.environment import context_from, seconds_from

EDGE_AGENT = {
    "IOTEDGE_IOTHUBHOSTNAME": "hub.azure-devices.net",
    "IOTEDGE_DEVICEID": "store-7",
    "IOTEDGE_MODULEID": "inference",
}


def test_what_edge_agent_sets_is_enough() -> None:
    context = context_from(EDGE_AGENT)

    assert (context.hub, context.device_id, context.module_id) == ("hub.azure-devices.net", "store-7", "inference")
    assert context.store_id == "store-7"
    assert context.state_folder == Path("/var/lib/storeflow/inference")
    assert context.model_folders == (Path("/var/lib/storeflow/models"),)
    assert (context.cards_folder / "person" / "rtmdet_nano" / "model.toml").is_file()
    assert context.source("door") == "//hub.azure-devices.net/store-7/door"


def test_the_simulators_connection_string_is_read_as_well() -> None:
    text = "HostName=h;GatewayHostName=g;DeviceId=d;ModuleId=m;SharedAccessKey=a2V5PT0="

    context = context_from({"EdgeHubConnectionString": text})

    assert (context.hub, context.device_id, context.module_id) == ("h", "d", "m")


def test_every_folder_and_the_store_can_be_named() -> None:
    ours = {
        "STOREFLOW_STORE_ID": "paris-1",
        "STOREFLOW_STATE": "/s",
        "STOREFLOW_CHANNELS": "/c",
        "STOREFLOW_MEDIA": "/m",
        "STOREFLOW_MODEL_PATH": "/a:/b:",
        "STOREFLOW_MODELS": "/cards",
    }

    context = context_from(EDGE_AGENT | ours)

    assert context.store_id == "paris-1"
    assert (context.state_folder, context.channel_folder, context.media_folder) == (Path("/s"), Path("/c"), Path("/m"))
    assert context.model_folders == (Path("/a"), Path("/b"))
    assert context.cards_folder == Path("/cards")


def test_a_process_that_nobody_introduced_is_refused() -> None:
    with pytest.raises(ConfigError, match="edgeAgent"):
        context_from({"IOTEDGE_DEVICEID": "d"})


def test_seconds_are_a_positive_number() -> None:
    assert seconds_from({}, "S", 30.0) == 30.0
    assert seconds_from({"S": "1.5"}, "S", 30.0) == 1.5
    for text in ("", "soon", "0", "-1", "inf", "nan"):
        with pytest.raises(ConfigError, match="positive number of seconds"):
            seconds_from({"S": text}, "S", 30.0)
