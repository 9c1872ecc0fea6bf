import json
from typing import Any

import pytest

from storeflow.cli.create_options import MAX_CHUNK, MAX_CHUNKS, gaps, grants, join, split
from storeflow.errors import ConfigError

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


def changed(**host: Any) -> dict[str, Any]:
    user = host.pop("User", HARDENED["User"])
    return {"User": user, "HostConfig": {**HARDENED["HostConfig"], **host}}


@pytest.mark.parametrize("length", [0, 400, 1200, MAX_CHUNK * MAX_CHUNKS - 20])
def test_what_is_split_is_the_same_when_it_is_put_together(length: int) -> None:
    options = {"Env": ["x" * length]}
    chunks = split(options)
    assert max(map(len, chunks.values())) <= MAX_CHUNK
    assert join({"image": "a:1", **chunks}) == options
    assert list(chunks)[:2] == ["createOptions", "createOptions01"][: len(chunks)]


def test_what_edge_agent_would_cut_off_is_refused() -> None:
    with pytest.raises(ConfigError, match="createOptions: 4097 characters; edgeAgent takes 8 strings of 512"):
        split({"Env": ["x" * (MAX_CHUNK * MAX_CHUNKS - 11)]})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"createOptions": "{}", "createOptions02": "{}"}, "put in what is missing between them"),
        ({"createOptions": "{"}, "createOptions: no JSON: "),
        ({"createOptions": "[]"}, "createOptions: expected an object"),
        ({"createOptions": {"HostConfig": []}}, "createOptions: expected an object"),
    ],
)
def test_what_is_no_object_is_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        join(settings)


def test_a_module_needs_no_create_options() -> None:
    assert join({"image": "a:1"}) == join({"createOptions": ""}) == {}


def test_a_hardened_container_has_neither_grant_nor_gap() -> None:
    assert [*grants(HARDENED), *gaps(HARDENED)] == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (changed(User="0:0"), "User: is root"),
        (changed(User="root"), "User: is root"),
        (changed(Privileged=True), "HostConfig.Privileged: is true"),
        (changed(CapAdd=["SYS_ADMIN"]), "HostConfig.CapAdd: adds SYS_ADMIN"),
        (changed(NetworkMode="host"), "HostConfig.NetworkMode: shares the host's"),
        (changed(PidMode="host"), "HostConfig.PidMode: shares the host's"),
        (changed(IpcMode="host"), "HostConfig.IpcMode: shares the host's"),
        (changed(SecurityOpt=["seccomp=unconfined"]), "HostConfig.SecurityOpt: seccomp=unconfined takes a guard away"),
        (changed(Binds=["/var/run/docker.sock:/d"]), "/var/run/docker.sock gives the whole host away"),
        (changed(Binds=["/run/docker.sock:/d:ro"]), "/run/docker.sock gives the whole host away"),
        (changed(Binds=["/:/host:ro"]), "HostConfig.Binds: / is the host itself"),
        (changed(Binds=["/etc/:/e"]), "HostConfig.Binds: /etc is the host itself"),
        (changed(Binds=["/var/lib/docker/volumes:/v"]), "/var/lib/docker/volumes is the host itself"),
    ],
)
def test_power_over_the_host_is_told(options: dict[str, Any], told: str) -> None:
    (problem,) = grants(options)
    assert told in problem
    assert ";" in problem, "it also says what to do"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (changed(User=None), "User: is None"),
        (changed(User="storeflow"), "User: is 'storeflow'"),
        (changed(ReadonlyRootfs=False), "HostConfig.ReadonlyRootfs: is not true"),
        (changed(CapDrop=["NET_RAW"]), "HostConfig.CapDrop: is ['NET_RAW']"),
        (changed(SecurityOpt=[]), "HostConfig.SecurityOpt: has no no-new-privileges:true"),
        (changed(LogConfig={}), "HostConfig.LogConfig: has no max-size"),
        (changed(Memory=0), "HostConfig.Memory: is 0"),
        (changed(PidsLimit=-1), "HostConfig.PidsLimit: is -1"),
        (changed(RestartPolicy={"Name": "always"}), "HostConfig.RestartPolicy: is set"),
    ],
)
def test_a_guard_that_is_missing_is_told(options: dict[str, Any], told: str) -> None:
    (problem,) = gaps(options)
    assert problem.startswith(told)


def test_options_in_strings_are_judged_like_options_in_an_object() -> None:
    chunks = split(changed(Privileged=True))
    assert [*grants(join(chunks))] == [*grants(json.loads("".join(chunks.values())))] != []
