"""createOptions: what a container may do, as an object in a template and as strings in a manifest.

IoT Hub once took strings of 512 bytes in a twin, and the IoT Edge tools still write `createOptions`,
`createOptions01` … `createOptions07`; edgeAgent puts them together again (Azure/iotedge, edge-agent,
Microsoft.Azure.Devices.Edge.Agent.Docker, `DockerConfig.cs`). Their fields are those of Docker's API,
`POST /containers/create`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from storeflow.errors import ConfigError

FIELD = "createOptions"
MAX_CHUNK, MAX_CHUNKS = 512, 8

_NUMBERED = re.compile(r"createOptions(\d\d)?")
_NOT_ROOT = re.compile(r"[1-9]\d*:[1-9]\d*")
_NAMESPACES = ("NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode")
_TOO_MUCH = re.compile(
    r"/|/(?:etc|proc|sys|dev|boot|root|run|usr|var|var/run|var/lib|var/lib/(?:docker|aziot|iotedge).*)"
)
"""Host folders that are the host itself."""
_NO_GUARD = re.compile(r"(?:seccomp|apparmor)[:=]unconfined|label[:=]disable")
_SOCKETS = re.compile(r".*/(?:docker|containerd|podman|crio)\.sock|.*/iotedge/mgmt\.sock")


def written(options: Mapping[str, Any]) -> str:
    """Options as one text."""
    return json.dumps(options, separators=(",", ":"))


def split(options: Mapping[str, Any]) -> dict[str, str]:
    """The strings that stand for createOptions in a manifest; always the same for the same options.

    Raises:
        ConfigError: they are too long.
    """
    text = written(options)
    chunks = [text[start : start + MAX_CHUNK] for start in range(0, len(text), MAX_CHUNK)] or [""]
    if len(chunks) > MAX_CHUNKS:
        told = f"{FIELD}: {len(text)} characters; edgeAgent takes {MAX_CHUNKS} strings of {MAX_CHUNK}: shorten them"
        raise ConfigError([told])
    return {FIELD if number == 0 else f"{FIELD}{number:02}": chunk for number, chunk in enumerate(chunks)}


def join(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read createOptions from a module's `settings`, whichever way they are written; empty when there are none.

    Raises:
        ConfigError: they are no object of JSON, or a string between two others is missing.
    """
    parts = {name: settings[name] for name in sorted(settings) if _NUMBERED.fullmatch(name)}
    options: Any = parts.get(FIELD, {})
    if parts and all(isinstance(part, str) for part in parts.values()):
        wanted = [FIELD if number == 0 else f"{FIELD}{number:02}" for number in range(len(parts))]
        if list(parts) != wanted:
            raise ConfigError([f"{FIELD}: has the strings {', '.join(parts)}; put in what is missing between them"])
        try:
            options = json.loads("".join(parts.values()) or "{}")
        except ValueError as error:
            raise ConfigError([f"{FIELD}: no JSON: {error}; render the manifest from its template again"]) from error
    if not isinstance(options, dict) or not isinstance(options.get("HostConfig", {}), dict):
        raise ConfigError([f"{FIELD}: expected an object; see docs/deployment.md"])
    return options


def grants(options: Mapping[str, Any]) -> Iterator[str]:
    """Tell what gives the container power over its host: nothing in a shop needs it."""
    host = options.get("HostConfig", {})
    if str(options.get("User", "")).split(":")[0] in ("0", "root"):
        yield "User: is root; name a user and a group by number, as 10001:10001"
    if host.get("Privileged"):
        yield "HostConfig.Privileged: is true; take it out"
    if host.get("CapAdd"):
        yield f"HostConfig.CapAdd: adds {', '.join(map(str, host['CapAdd']))}; take it out"
    for name in _NAMESPACES:
        if host.get(name) == "host":
            yield f"HostConfig.{name}: shares the host's; take it out"
    for option in host.get("SecurityOpt") or ():
        if _NO_GUARD.fullmatch(str(option)):
            yield f"HostConfig.SecurityOpt: {option} takes a guard away; take it out"
    for bind in host.get("Binds") or ():
        yield from _bind_grants(str(bind).split(":")[0].rstrip("/") or "/")


def _bind_grants(source: str) -> Iterator[str]:
    if _SOCKETS.fullmatch(source):
        yield f"HostConfig.Binds: {source} gives the whole host away; take it out"
    elif _TOO_MUCH.fullmatch(source):
        yield f"HostConfig.Binds: {source} is the host itself; bind a folder of the module's own, under /srv/storeflow"


def gaps(options: Mapping[str, Any]) -> Iterator[str]:
    """Tell what a container of ours could do without and has not been denied."""
    host = options.get("HostConfig", {})
    if not _NOT_ROOT.fullmatch(str(options.get("User", ""))):
        yield f"User: is {options.get('User')!r}; name a user and a group by number, as 10001:10001"
    if host.get("ReadonlyRootfs") is not True:
        yield "HostConfig.ReadonlyRootfs: is not true; a module writes to its binds alone"
    if host.get("CapDrop") != ["ALL"]:
        yield f'HostConfig.CapDrop: is {host.get("CapDrop")!r}; no module needs a capability: ["ALL"]'
    if not {"no-new-privileges:true", "no-new-privileges"} & set(host.get("SecurityOpt") or ()):
        yield "HostConfig.SecurityOpt: has no no-new-privileges:true; put it in"
    if not host.get("LogConfig", {}).get("Config", {}).get("max-size"):
        yield "HostConfig.LogConfig: has no max-size; logs would fill the disk"
    for name in ("Memory", "PidsLimit"):
        if not isinstance(host.get(name), int) or host[name] <= 0:
            yield f"HostConfig.{name}: is {host.get(name)!r}; bound it, so that one module can't starve the others"
    if host.get("RestartPolicy"):
        yield "HostConfig.RestartPolicy: is set; edgeAgent restarts modules: say it in restartPolicy of the module"
