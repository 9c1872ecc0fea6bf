import json
from typing import Any

import pytest

from storeflow.cli.manifest.containers import host_path, problems
from storeflow.cli.manifest.create_options import join, split

HOME, MOUNTED = "/home", "/mnt"

HARDENED: dict[str, Any] = {
    "User": "10001:10001",
    "HostConfig": {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
        "Binds": ["/srv/storeflow/state:/data"],
        "Memory": 536870912,
        "PidsLimit": 128,
    },
}

TAKES_THE_HOST: dict[str, tuple[dict[str, Any], str]] = {
    "privileged": ({"Privileged": True}, "Privileged: is true"),
    "privileged in small letters": ({"privileged": True}, "Privileged: is true"),
    "binds with a long s": ({"Bind\u017f": ["/:/host"]}, "Binds: / is the host itself"),
    "a capability": ({"CapAdd": ["SYS_ADMIN"]}, "CapAdd: adds SYS_ADMIN"),
    "the host's network": ({"NetworkMode": "host"}, "NetworkMode: shares the host's"),
    "the host's processes": ({"PidMode": "host"}, "PidMode: shares the host's"),
    "edgeAgent's processes": ({"PidMode": "container:edgeAgent"}, "PidMode: shares that of container:edgeAgent"),
    "the host's memory": ({"IpcMode": "host"}, "IpcMode: shares the host's"),
    "the host's users": ({"usernsmode": "host"}, "UsernsMode: shares the host's"),
    "the host's cgroups": ({"CgroupnsMode": "host"}, "CgroupnsMode: shares the host's"),
    "another container's folders": ({"VolumesFrom": ["edgeAgent"]}, "VolumesFrom: takes what edgeAgent has"),
    "memory as a device": (
        {"Devices": [{"PathOnHost": "/dev/mem", "PathInContainer": "/dev/mem"}]},
        "Devices: /dev/mem is a device of the host",
    ),
    "memory by way of graphics": (
        {"Devices": [{"pathonhost": "/dev/dri/../mem"}]},
        "Devices: /dev/dri/../mem is a device",
    ),
    "every device": ({"DeviceCgroupRules": ["a *:* rwm"]}, "DeviceCgroupRules: opens devices of the host"),
    "a port": ({"PortBindings": {"9600/tcp": [{"HostPort": "9600"}]}}, "PortBindings: opens port 9600 of the host"),
    "a port that Docker chooses": ({"PortBindings": {"9600/tcp": [{}]}}, "PortBindings: opens port 9600/tcp"),
    "all ports": ({"PublishAllPorts": True}, "PublishAllPorts: opens ports"),
    "no filter of system calls": ({"SecurityOpt": ["seccomp=unconfined"]}, "SecurityOpt: seccomp=unconfined takes"),
    "a filter of its own": ({"SecurityOpt": ['seccomp={"x":\n1}']}, "SecurityOpt: seccomp={"),
    "no AppArmor": ({"SecurityOpt": ["apparmor:unconfined"]}, "SecurityOpt: apparmor:unconfined takes a guard away"),
    "all of the kernel's files": ({"SecurityOpt": ["systempaths=unconfined"]}, "SecurityOpt: systempaths=unconfined"),
    "none of them masked": ({"MaskedPaths": []}, "MaskedPaths: says which of the kernel's files are guarded"),
    "all of them writable": ({"ReadonlyPaths": []}, "ReadonlyPaths: says which"),
    "the group of Docker": ({"GroupAdd": ["docker"]}, "GroupAdd: docker may do what root may"),
    "Docker's socket": ({"Binds": ["/var/run/docker.sock:/d"]}, "Binds: /var/run/docker.sock gives the whole host"),
    "Docker's socket, to read": ({"Binds": ["/run/docker.sock:/d:ro"]}, "Binds: /run/docker.sock gives the whole host"),
    "Docker's socket elsewhere": ({"Binds": ["/srv/x/docker.sock:/d"]}, "Binds: /srv/x/docker.sock gives the whole"),
    "Docker's socket as a mount": (
        {"Mounts": [{"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/d"}]},
        "Mounts: /var/run/docker.sock gives the whole host away",
    ),
    "the disk as a mount": (
        {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
        "Mounts: / is the host itself",
    ),
    "the disk as a mount in small letters": (
        {"mounts": [{"type": "BIND", "source": "/srv/.."}]},
        "Mounts: / is the host itself",
    ),
    "the disk as a volume": (
        {"Mounts": [{"Type": "volume", "VolumeOptions": {"DriverConfig": {"Options": {"device": "/", "o": "bind"}}}}]},
        "Mounts: a volume's DriverConfig may mount anything",
    ),
    "the disk": ({"Binds": ["/:/host:ro"]}, "Binds: / is the host itself"),
    "the disk, twice a slash": ({"Binds": ["//:/x"]}, "Binds: / is the host itself"),
    "the disk, up from a folder": ({"Binds": ["/srv/../:/x"]}, "Binds: / is the host itself"),
    "a partition": ({"Binds": ["/dev/sda:/x"]}, "Binds: /dev/sda is the host itself"),
    "all settings": ({"Binds": ["/etc/:/e"]}, "Binds: /etc is the host itself"),
    "IoT Edge's settings": ({"Binds": ["/etc/aziot:/x"]}, "Binds: /etc/aziot is the host itself"),
    "IoT Edge's keys": ({"Binds": ["/var/lib/aziot/keyd:/x"]}, "Binds: /var/lib/aziot/keyd is the host itself"),
    "what holds IoT Edge's keys": ({"Binds": ["/var/lib:/x"]}, "Binds: /var/lib is the host itself"),
    "root's home": ({"Binds": ["/root:/x"]}, "Binds: /root is the host itself"),
    "somebody's home": ({"Binds": [f"{HOME}/anna:/x"]}, f"Binds: {HOME}/anna is the host itself"),
    "somebody's keys": ({"Binds": [f"{HOME}/anna/.ssh:/x"]}, f"Binds: {HOME}/anna/.ssh is the host itself"),
    "all sockets": ({"Binds": ["/var/run/:/x"]}, "Binds: /var/run is the host itself"),
    "Docker's files": ({"Binds": ["/var/lib/docker/volumes:/v"]}, "Binds: /var/lib/docker/volumes is the host itself"),
    "what cron runs": ({"Binds": ["/var/spool/cron:/v"]}, "Binds: /var/spool/cron is the host itself"),
    "a kernel's module": ({"Binds": ["/lib/modules:/m"]}, "Binds: /lib/modules is the host itself"),
}

NOT_OF_OURS: dict[str, tuple[dict[str, Any], str]] = {
    "graphics": ({"Devices": [{"PathOnHost": "/dev/dri/renderD128"}]}, "Devices: no module of ours has it"),
    "a GPU": ({"DeviceRequests": [{"Count": -1}]}, "DeviceRequests: no module of ours has it"),
    "a mounted volume": ({"Mounts": [{"Type": "volume", "Source": "v"}]}, "Mounts: no module of ours has it"),
    "a port of loopback": (
        {"PortBindings": {"9600/tcp": [{"HostPort": "9600", "HostIp": "127.0.0.1"}]}},
        "PortBindings: no module of ours has it",
    ),
    "another runtime": ({"runtime": "other"}, "runtime: no module of ours has it"),
    "a setting of the kernel": ({"Sysctls": {"net.ipv4.ip_forward": "1"}}, "Sysctls: no module of ours has it"),
    "what Docker may know tomorrow": ({"Tomorrow": {"x": 1}}, "Tomorrow: no module of ours has it"),
    "a log elsewhere": (
        {"LogConfig": {"Type": "syslog", "Config": {"max-size": "1m"}}},
        "LogConfig: {'Type': 'syslog', 'Config': {'max-size': '1m'}} is nothing that a module of ours may have",
    ),
    "never killed for memory": ({"OomScoreAdj": -1000}, "OomScoreAdj: -1000 is nothing that"),
    "a folder of somebody else": ({"Binds": ["/opt/till:/x"]}, "Binds: /opt/till is no place of ours"),
}

MISSES_A_GUARD: dict[str, tuple[dict[str, Any], str]] = {
    "its own files": ({"ReadonlyRootfs": False}, "ReadonlyRootfs: is not true"),
    "capabilities": ({"CapDrop": ["NET_RAW"]}, "CapDrop: is ['NET_RAW']"),
    "new privileges": ({"SecurityOpt": []}, "SecurityOpt: has no no-new-privileges:true"),
    "logs": ({"LogConfig": {}}, "LogConfig: has no max-size"),
    "memory": ({"Memory": 0}, "Memory: is 0"),
    "processes": ({"PidsLimit": -1}, "PidsLimit: is -1"),
    "restarts": ({"RestartPolicy": {"Name": "always"}}, "RestartPolicy: is set"),
}


def hardened(**host: Any) -> dict[str, Any]:
    """A container of ours with something changed; a list of guards keeps ours."""
    if host.get("SecurityOpt"):
        host["SecurityOpt"] = ["no-new-privileges:true", *host["SecurityOpt"]]
    return {**HARDENED, "HostConfig": {**HARDENED["HostConfig"], **host}}


def test_a_hardened_container_has_nothing_to_mend() -> None:
    assert problems(HARDENED, ours=True) == []
    assert problems({}, ours=False) == []


@pytest.mark.parametrize(("host", "told"), TAKES_THE_HOST.values(), ids=TAKES_THE_HOST)
def test_what_takes_the_host_is_refused_of_any_module(host: dict[str, Any], told: str) -> None:
    (problem,) = problems({"HostConfig": host}, ours=False)
    assert problem.startswith(f"HostConfig.{told}")
    assert "; " in problem, "it also says what to do"
    if "Bind\u017f" not in host:  # beside the Binds that ours have it is there twice
        assert problems(hardened(**host), ours=True) == [problem]


@pytest.mark.parametrize(("host", "told"), NOT_OF_OURS.values(), ids=NOT_OF_OURS)
def test_what_others_may_have_and_ours_may_not(host: dict[str, Any], told: str) -> None:
    assert problems({"HostConfig": host}, ours=False) == []
    (problem,) = problems(hardened(**host), ours=True)
    assert problem.startswith(f"HostConfig.{told}")
    assert "; " in problem


@pytest.mark.parametrize(("host", "told"), MISSES_A_GUARD.values(), ids=MISSES_A_GUARD)
def test_a_guard_that_ours_miss_is_told(host: dict[str, Any], told: str) -> None:
    (problem,) = problems(hardened(**host), ours=True)
    assert problem.startswith(f"HostConfig.{told}")


@pytest.mark.parametrize("user", ["0:0", "root", "0", "00", "+0:10001"])
def test_root_is_told(user: str) -> None:
    (problem,) = problems({"User": user}, ours=False)
    assert problem.startswith("User: is root; ")
    assert problems({"user": user}, ours=False) == [problem]


@pytest.mark.parametrize("user", [None, "storeflow"])
def test_ours_name_their_user_by_number(user: Any) -> None:
    (problem,) = problems({**HARDENED, "User": user}, ours=True)
    assert problem.startswith(f"User: is {user!r}; ")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"Entrypoint": ["/bin/sh"]}, "Entrypoint: no module of ours has it; take it out"),
        ({"Cmd": ["--verbose"]}, "Cmd: no module of ours has it; take it out"),
        ({"NetworkingConfig": {"EndpointsConfig": {"cameras": {}}}}, "NetworkingConfig: no module of ours has it"),
        ({"NetworkingConfig": {"EndpointsConfig": {"host": {}}}}, "NetworkingConfig: shares the network of the host"),
    ],
)
def test_what_else_a_container_of_ours_may_not_have(options: dict[str, Any], told: str) -> None:
    (problem,) = problems({**HARDENED, **options}, ours=True)
    assert problem.startswith(told)


def test_another_module_may_not_join_the_hosts_network_by_the_back_door() -> None:
    (problem,) = problems({"networkingConfig": {"endpointsConfig": {"container:edgeHub": {}}}}, ours=False)
    assert problem.startswith("NetworkingConfig: shares the network of the host, or of another container; ")


def test_what_docker_has_by_itself_may_be_written_down() -> None:
    host = {"Privileged": False, "CapAdd": [], "Devices": None, "PortBindings": {}, "IpcMode": "private", "Init": True}
    assert problems(hardened(**host), ours=True) == []
    labels = {"Labels": {"a": "b"}, "Env": ["A=1"], "Entrypoint": None, "Volumes": {}}
    assert problems({**HARDENED, **labels}, ours=True) == []


def test_a_field_that_is_there_in_two_spellings_is_told() -> None:
    options = hardened(privileged=False, Privileged=False)
    (problem,) = problems({**options, "user": "10001:10001"}, ours=True)[:1]
    assert problem == "User: is there as user too, and Docker minds no case; take one out"
    assert any("HostConfig.privileged: is there as Privileged too" in told for told in problems(options, ours=False))


@pytest.mark.parametrize(
    "options",
    [
        {"HostConfig": []},
        {"HostConfig": {"Mounts": ["/"], "PortBindings": ["80"], "Devices": ["/dev/mem"], "LogConfig": "x"}},
        {"HostConfig": {"Binds": "/:/host", "Mounts": {"Type": "bind"}, "CapAdd": "ALL"}},
        {"NetworkingConfig": [], "HostConfig": {"Binds": [1], "NetworkMode": 1, "Privileged": "yes"}},
    ],
)
def test_what_has_another_form_is_told_and_breaks_nothing(options: dict[str, Any]) -> None:
    assert problems(options, ours=False)
    assert problems(options, ours=True)


@pytest.mark.parametrize(
    "bind", ["/srv/storeflow/x:/data", "/srv/../srv/storeflow:/d", f"{MOUNTED}/clips:/media:ro", "a_volume:/d"]
)
def test_folders_of_modules_may_be_bound(bind: str) -> None:
    assert problems(hardened(Binds=[bind]), ours=True) == []


@pytest.mark.parametrize("path", [f"{HOME}/anna/clips", "/opt/till", "/var/log", "/etcetera", "/var/library"])
def test_other_modules_may_bind_what_is_nobodys_in_particular(path: str) -> None:
    assert problems({"HostConfig": {"Binds": [f"{path}:/x"]}}, ours=False) == []


def test_edge_hub_opens_the_ports_that_are_its_own() -> None:
    options = {"HostConfig": {"PortBindings": {"8883/tcp": [{"HostPort": "8883"}], "80/tcp": [{"HostPort": "80"}]}}}
    (problem,) = problems(options, ours=False, ports=("8883",))
    assert "opens port 80 of the host" in problem


@pytest.mark.parametrize(("written", "meant"), [("/", "/"), ("//", "/"), ("///etc/./x/..", "/etc"), ("/a/../..", "/")])
def test_a_path_is_read_as_the_kernel_reads_it(written: str, meant: str) -> None:
    assert host_path(written) == meant


def test_options_in_strings_are_judged_like_options_in_an_object() -> None:
    chunks = split(hardened(Privileged=True))
    read = problems(join(chunks), ours=True)
    assert read == problems(json.loads("".join(chunks.values())), ours=True) != []
