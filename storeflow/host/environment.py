"""What a module must know before its twin arrives, from the variables that edgeAgent sets and a few of ours."""

import os
from collections.abc import Mapping
from pathlib import Path

from storeflow.errors import ConfigError
from storeflow.host.module import ModuleContext

CARDS_FOLDER = Path(__file__).resolve().parents[2] / "models"
"""The model folders of a checkout, beside `modules/`."""


def context_from(environment: Mapping[str, str]) -> ModuleContext:
    """Who and where a module is.

    | variable | what | default |
    |---|---|---|
    | `STOREFLOW_STORE_ID` | the store | the device id |
    | `STOREFLOW_STATE` | this module's own folder | `/var/lib/storeflow/<module id>` |
    | `STOREFLOW_CHANNELS` | side channels, shared by the modules | `/run/storeflow` |
    | `STOREFLOW_MEDIA` | clips | `/var/lib/storeflow/media` |
    | `STOREFLOW_MODEL_PATH` | folders of model weights, `:` between them | `/var/lib/storeflow/models` |
    | `STOREFLOW_MODELS` | the folder of model folders, with the cards | `models/` beside `modules/` |

    Raises:
        ConfigError: neither the variables of edgeAgent nor `EdgeHubConnectionString` are there.
    """
    pairs = (part.partition("=") for part in environment.get("EdgeHubConnectionString", "").split(";"))
    connection = {name: value for name, _, value in pairs}
    hub = environment.get("IOTEDGE_IOTHUBHOSTNAME", connection.get("HostName"))
    device_id = environment.get("IOTEDGE_DEVICEID", connection.get("DeviceId"))
    module_id = environment.get("IOTEDGE_MODULEID", connection.get("ModuleId"))
    if not (hub and device_id and module_id):
        raise ConfigError(["environment: no IOTEDGE_* and no EdgeHubConnectionString: was this started by edgeAgent?"])
    models = environment.get("STOREFLOW_MODEL_PATH", "/var/lib/storeflow/models")
    return ModuleContext(
        module_id=module_id,
        hub=hub,
        device_id=device_id,
        store_id=environment.get("STOREFLOW_STORE_ID", device_id),
        state_folder=Path(environment.get("STOREFLOW_STATE", f"/var/lib/storeflow/{module_id}")),
        channel_folder=Path(environment.get("STOREFLOW_CHANNELS", "/run/storeflow")),
        media_folder=Path(environment.get("STOREFLOW_MEDIA", "/var/lib/storeflow/media")),
        model_folders=tuple(Path(folder) for folder in models.split(os.pathsep) if folder),
        cards_folder=Path(environment.get("STOREFLOW_MODELS", CARDS_FOLDER)),
    )


def seconds_from(environment: Mapping[str, str], name: str, default: float) -> float:
    """A positive number of seconds from a variable.

    Raises:
        ConfigError: it is no such number.
    """
    text = environment.get(name, str(default))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError([f"environment: {name}={text!r} is not a positive number of seconds"])
    return seconds
