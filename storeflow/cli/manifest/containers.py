"""What a container may do to its host, read from its createOptions.

Fields are those of Docker's API, `POST /containers/create`. Docker reads their names without minding case, and so does
this. Our own modules may have what is on a list, and nothing else; of others we know no list, so they are refused what
gives a container the host: its files, devices, namespaces, sockets, and ways around Docker's guards.

A host's symbolic links and what a volume's plugin mounts can't be seen from here.
"""

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

OURS_BELOW = ("/srv/", "/mnt/", "/media/")
"""Where folders that our modules bind lie."""

_NOT_ROOT = re.compile(r"[1-9]\d*:[1-9]\d*")
_ROOT = re.compile(r"[+-]?0+|root")
_NAMESPACES = ("NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode")
_SHARED = re.compile(r"host|(?:container|ns):.*")
_NO_GUARD = re.compile(
    r"(?:apparmor|systempaths)[:=]unconfined|seccomp[:=](?!builtin$).*|label[:=]disable|writable-cgroups.*", re.DOTALL
)
_GUARDS = {"no-new-privileges", "no-new-privileges:true"}
_HARMLESS_DEVICES = re.compile(r"/dev/(?:dri(?:/.+)?|accel(?:/.+)?|video\d+)")
"""Of graphics, accelerators and cameras."""
_POWERFUL_GROUPS = ("0", "root", "docker", "disk")

_OF_THE_HOST = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr"),
    *("/var/run", "/var/spool", "/var/lib/aziot", "/var/lib/containerd", "/var/lib/docker", "/var/lib/iotedge"),
)
"""Folders that are the host itself, with all that is in them; what they lie in is the host all the more."""
_HOMES = re.compile(r"/home(?:/[^/]+)?|/home/.*/\..*")
_SOCKETS = re.compile(r".*/(?:docker|containerd|podman|crio)\.sock|.*/iotedge/mgmt\.sock")

Fields = Mapping[str, Any]
"""By name in lower case; what is null is as if it were not there."""


def problems(options: Mapping[str, Any], *, ours: bool, ports: Collection[str] = ()) -> list[str]:
    """Find what the container could do to its host, as `path: fact; what to do`.

    Args:
        options: createOptions.
        ours: whether the module is one of `modules/`.
        ports: of the host, which it may open.
    """
    top = _fields(options)
    found = [*_twice(options, "")]
    config = top.get("hostconfig", {})
    if not isinstance(config, dict):
        return [*found, "HostConfig: is no object; see docs/deployment.md"]
    found += _twice(config, "HostConfig.")
    host = _fields(config)
    found += [*_top_grants(top), *_grants(host), *_mounted(host, ours=ours), *_ways_out(host), *_ports(host, ports)]
    if ours:
        found += _gaps(top, host)
        seen = {_path_of(problem) for problem in found}
        found += (problem for problem in _unlisted(options, config) if _path_of(problem) not in seen)
    return list(dict.fromkeys(found))


def host_path(source: str) -> str:
    """A path of the host without `.`, `..` and doubled slashes: `/srv/../` is `/`."""
    return posixpath.normpath("/" + source.lstrip("/"))


def _fields(document: Any) -> Fields:
    """The fields of an object; what is none has none."""
    if not isinstance(document, dict):
        return {}
    return {name.casefold(): value for name, value in document.items() if value is not None}


def _twice(document: Mapping[str, Any], path: str) -> Iterator[str]:
    found: dict[str, str] = {}
    for name in document:
        first = found.setdefault(name.casefold(), name)
        if first != name:
            yield f"{path}{first}: is there as {name} too, and Docker minds no case; take one out"


def _path_of(problem: str) -> str:
    return problem.partition(":")[0].casefold()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _top_grants(top: Fields) -> Iterator[str]:
    if _ROOT.fullmatch(str(top.get("user", "")).split(":")[0]):
        yield "User: is root; name a user and a group by number, as 10001:10001"
    if any(map(_SHARED.fullmatch, _fields(_fields(top.get("networkingconfig")).get("endpointsconfig")))):
        yield "NetworkingConfig: shares the network of the host, or of another container; take it out"


def _grants(host: Fields) -> Iterator[str]:
    """What gives power over the host, or takes away what Docker guards it with."""
    if host.get("privileged"):
        yield "HostConfig.Privileged: is true; take it out"
    if host.get("capadd"):
        yield f"HostConfig.CapAdd: adds {', '.join(map(str, _listed(host['capadd'])))}; take it out"
    for option in _listed(host.get("securityopt")):
        if _NO_GUARD.fullmatch(str(option)):
            yield f"HostConfig.SecurityOpt: {option} takes a guard away; take it out"
    for name in ("MaskedPaths", "ReadonlyPaths"):
        if name.casefold() in host:
            yield f"HostConfig.{name}: says which of the kernel's files are guarded; take it out, so that all are"
    for group in _listed(host.get("groupadd")):
        if str(group) in _POWERFUL_GROUPS:
            yield f"HostConfig.GroupAdd: {group} may do what root may; take it out"


def _mounted(host: Fields, *, ours: bool) -> Iterator[str]:
    """What of the host's files the container sees."""
    for bind in _listed(host.get("binds")):
        yield from _path_problems("Binds", str(bind).split(":")[0], ours=ours)
    for mount in _listed(host.get("mounts")):
        fields = _fields(mount)
        if str(fields.get("type")).casefold() == "bind":
            yield from _path_problems("Mounts", str(fields.get("source", "/")), ours=ours)
        if _fields(fields.get("volumeoptions")).get("driverconfig"):
            yield "HostConfig.Mounts: a volume's DriverConfig may mount anything of the host; take it out"


def _ways_out(host: Fields) -> Iterator[str]:
    """What lets the container into devices, other containers and namespaces."""
    for device in _listed(host.get("devices")):
        path = str(_fields(device).get("pathonhost", device))
        if not _HARMLESS_DEVICES.fullmatch(host_path(path)):
            yield f"HostConfig.Devices: {path} is a device of the host; take it out"
    if host.get("devicecgrouprules"):
        yield "HostConfig.DeviceCgroupRules: opens devices of the host; take it out"
    if host.get("volumesfrom"):
        yield f"HostConfig.VolumesFrom: takes what {', '.join(map(str, _listed(host['volumesfrom'])))} has; take it out"
    for name in _NAMESPACES:
        value = str(host.get(name.casefold(), ""))
        if _SHARED.fullmatch(value):
            whose = "the host's" if value == "host" else f"that of {value}"
            yield f"HostConfig.{name}: shares {whose}; take it out"


def _ports(host: Fields, own: Collection[str]) -> Iterator[str]:
    """Ports of the host that the container opens, but for its own."""
    if host.get("publishallports"):
        yield "HostConfig.PublishAllPorts: opens ports of the host; take it out"
    bindings = host.get("portbindings", {})
    for port, places in bindings.items() if isinstance(bindings, dict) else [("?", bindings)]:
        for place in _listed(places):
            fields = _fields(place)
            number = str(fields.get("hostport") or port)
            if number not in own and not str(fields.get("hostip", "")).startswith(("127.", "::1")):
                yield f"HostConfig.PortBindings: opens port {number} of the host; take it out, or bind it to 127.0.0.1"


def _path_problems(field: str, source: str, *, ours: bool) -> Iterator[str]:
    if not source.startswith("/"):
        return  # a volume by its name
    path = host_path(source)
    if _SOCKETS.fullmatch(path):
        yield f"HostConfig.{field}: {path} gives the whole host away; take it out"
    elif _HOMES.fullmatch(path) or any(_within(path, part) or _within(part, path) for part in _OF_THE_HOST):
        yield f"HostConfig.{field}: {path} is the host itself; bind a folder of the module's own, under /srv/storeflow"
    elif ours and not path.startswith(OURS_BELOW):
        yield f"HostConfig.{field}: {path} is no place of ours; bind a folder under /srv/storeflow"


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _gaps(top: Fields, host: Fields) -> Iterator[str]:
    """What a container of ours could do without and has not been denied."""
    if not _NOT_ROOT.fullmatch(str(top.get("user", ""))):
        yield f"User: is {top.get('user')!r}; name a user and a group by number, as 10001:10001"
    if host.get("readonlyrootfs") is not True:
        yield "HostConfig.ReadonlyRootfs: is not true; a module writes to its binds alone"
    if host.get("capdrop") != ["ALL"]:
        yield f'HostConfig.CapDrop: is {host.get("capdrop")!r}; no module needs a capability: ["ALL"]'
    if not _GUARDS & {str(option) for option in _listed(host.get("securityopt"))}:
        yield "HostConfig.SecurityOpt: has no no-new-privileges:true; put it in"
    if not _fields(_fields(host.get("logconfig")).get("config")).get("max-size"):
        yield "HostConfig.LogConfig: has no max-size; logs would fill the disk"
    for name in ("Memory", "PidsLimit"):
        value = host.get(name.casefold())
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            yield f"HostConfig.{name}: is {value!r}; bound it, so that one module can't starve the others"
    if host.get("restartpolicy"):
        yield "HostConfig.RestartPolicy: is set; edgeAgent restarts modules: say it in restartPolicy of the module"


def _anything(value: Any) -> bool:
    del value
    return True


def _whole(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _own_log(value: Any) -> bool:
    return isinstance(value, dict) and _fields(value).get("type", "json-file") in ("json-file", "local")


_TOP = ("User", "HostConfig", "Env", "ExposedPorts", "Healthcheck", "Hostname", "Labels", "StopTimeout")
_HOST: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("Binds", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts"), _texts),
    **dict.fromkeys(("CpuPeriod", "CpuQuota", "CpuShares", "NanoCpus", "OomScoreAdj", "ShmSize"), _whole),
    **dict.fromkeys(("Memory", "MemoryReservation", "PidsLimit"), _whole),
    **dict.fromkeys(("CapDrop", "CpusetCpus", "Init", "MemorySwap", "ReadonlyRootfs", "Tmpfs"), _anything),
    **dict.fromkeys(_NAMESPACES, _anything),  # but for what `_ways_out` finds
    "LogConfig": _own_log,
    "SecurityOpt": lambda value: _texts(value) and set(value) <= _GUARDS,
}
"""What a module of ours may have, and which values of it."""


def _unlisted(options: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """What ours may not have. A value such as false or [] is what Docker has by itself."""
    listed = {name.casefold() for name in _TOP}
    for name, value in options.items():
        if value and name.casefold() not in listed:
            yield f"{name}: no module of ours has it; take it out"
    fine = {name.casefold(): (name, check) for name, check in _HOST.items()}
    for written, value in config.items():
        name, check = fine.get(written.casefold(), (written, None))
        if value and check is None:
            yield f"HostConfig.{name}: no module of ours has it; take it out"
        elif value and check is not None and not check(value):
            yield f"HostConfig.{name}: {value!r} is nothing that a module of ours may have; take it out"
