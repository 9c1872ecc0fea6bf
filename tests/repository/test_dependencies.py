import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

OURS = {"storeflow", "modules"}
PURE = {"numpy", "cv2", "av", "lap", "onnxruntime", "scipy", "shapely"}
"""Heavy packages; what of them a module may load is said below."""
MAY_LOAD = {
    "video_capture": {"numpy", "av"},
    "inference": {"numpy", "cv2", "lap", "onnxruntime"},
    "zone_analytics": {"numpy"},
    "upstream_router": set(),
}
_LOADED = """
import importlib, json, pkgutil, sys
before = set(sys.modules)
import modules.{module} as package
import storeflow.host, storeflow.transport.edge_hub
for found in pkgutil.walk_packages(package.__path__, "modules.{module}."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
loaded = set(name.partition(".")[0] for name in set(sys.modules) - before)
print(json.dumps(sorted(loaded - sys.stdlib_module_names)))
"""


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    return document


@pytest.fixture(scope="module")
def lock(repository: Path) -> list[str]:
    """The lock's entries, each with its hashes on one line."""
    text = (repository / "requirements.lock").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def locked(lock: list[str]) -> dict[str, set[Version]]:
    """Versions by package; a universal lock may have one for each range of Python versions."""
    found: dict[str, set[Version]] = {}
    for line in lock:
        requirement = Requirement(line.partition(" --hash")[0])
        (specifier,) = requirement.specifier
        found.setdefault(canonicalize_name(requirement.name), set()).add(Version(specifier.version))
    return found


def test_every_package_of_the_lock_has_one_version_and_hashes(lock: list[str]) -> None:
    assert len(lock) > 50
    for line in lock:
        assert re.match(r"\S+==\S+ ", line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", line), line


def test_the_lock_has_every_package_that_the_project_asks_for_in_a_version_that_it_allows(
    lock: list[str], project: dict[str, Any]
) -> None:
    versions = locked(lock)
    extras = project["optional-dependencies"].values()
    asked = [Requirement(text) for texts in (project["dependencies"], *extras) for text in texts]
    for requirement in asked:
        if requirement.name != "storeflow":
            found = versions.get(canonicalize_name(requirement.name), set())
            assert found, f"{requirement} is not locked: make lock"
            assert all(requirement.specifier.contains(version) for version in found), f"{requirement}: {found}"


def test_every_module_has_its_extra(project: dict[str, Any]) -> None:
    assert {name.replace("_", "-") for name in MAY_LOAD} <= project["optional-dependencies"].keys()


@pytest.mark.parametrize("module", MAY_LOAD)
def test_a_module_loads_nothing_that_its_container_lacks(
    module: str, repository: Path, project: dict[str, Any]
) -> None:
    run = subprocess.run(  # noqa: S603 - our own code, by this Python
        [sys.executable, "-W", "ignore", "-c", _LOADED.format(module=module)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    loaded = set(json.loads(run.stdout))
    assert loaded >= OURS
    assert loaded & PURE <= MAY_LOAD[module]
    distributions = packages_distributions()
    from_packages = {name: distributions[name] for name in loaded - OURS if name in distributions}
    container = _installed_by(project, module.replace("_", "-"))
    lacking = {name for name, owners in from_packages.items() if not {*map(canonicalize_name, owners)} & container}
    assert lacking == set()


def _installed_by(project: dict[str, Any], extra: str) -> set[str]:
    """Every package that `pip install storeflow[extra]` brings, as far as it is installed here."""
    found: set[str] = set()
    waiting = [*project["dependencies"], *project["optional-dependencies"][extra]]
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name == "storeflow":
            waiting += [text for one in requirement.extras for text in project["optional-dependencies"][one]]
        elif name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            found.add(name)
            waiting += requires(name) or ()
    return found
