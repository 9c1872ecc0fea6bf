import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution, packages_distributions, requires
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from storeflow.cli.main import COMMANDS
from tools.images.lock import DEV_LOCK, LOCK, SHIPPED

HEAVY = {"numpy", "cv2", "av", "lap", "onnxruntime", "scipy", "shapely"}
"""What of them is loaded where is said below."""


class Part(NamedTuple):
    """What is installed with an extra of its own."""

    packages: tuple[str, ...]
    ours: set[str]
    heavy: set[str]


def container(module: str, *heavy: str) -> Part:
    return Part((f"modules.{module}", "storeflow.host.process"), {"storeflow", "modules"}, set(heavy))


FOR_ADMINISTRATORS = (command.module.partition(".")[0] for command in COMMANDS.values() if command.extra == "admin")
EXTRAS = {LOCK: "local", DEV_LOCK: "dev"} | SHIPPED
"""Of each lock."""
PARTS = {
    "video-capture": container("video_capture", "numpy", "av"),
    "inference": container("inference", "numpy", "cv2", "lap", "onnxruntime"),
    "zone-analytics": container("zone_analytics"),
    "upstream-router": container("upstream_router"),
    "cloud-functions": Part(("cloud_functions",), {"storeflow", "cloud_functions"}, set()),
    "admin": Part(tuple(f"storeflow.cli.{name}" for name in FOR_ADMINISTRATORS), {"storeflow"}, set()),
}
_LOADED = """
import importlib, json, pkgutil, sys
packages, lacking = map(json.loads, sys.argv[1:])
sys.modules.update(dict.fromkeys(lacking))
for name in packages:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(package, "__path__", ()), name + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
print(json.dumps([name for name, module in sys.modules.items() if module is not None]))
"""


@pytest.fixture(scope="module")
def document(repository: Path) -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((repository / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def project(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["project"]
    return found


@pytest.fixture(scope="module")
def left_out(document: dict[str, Any]) -> set[str]:
    """Packages that no lock may have, whoever asks for them."""
    return {Requirement(text).name for text in document["tool"]["uv"]["override-dependencies"]}


@pytest.fixture(scope="module")
def locks(repository: Path) -> dict[str, list[str]]:
    """The entries of each lock, each with its hashes on one line."""
    return {name: entries((repository / name).read_text()) for name in EXTRAS}


def entries(text: str) -> list[str]:
    lines = text.replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not line.lstrip().startswith("#")]


def locked(lock: Iterable[str]) -> dict[str, set[Version]]:
    """Versions by package; a universal lock may have one for each range of Python versions."""
    found: dict[str, set[Version]] = {}
    for line in lock:
        requirement = Requirement(line.partition(" --hash")[0])
        (specifier,) = requirement.specifier
        found.setdefault(canonicalize_name(requirement.name), set()).add(Version(specifier.version))
    return found


def here(lock: Iterable[str]) -> set[str]:
    """The packages that it installs on this machine, in this Python."""
    found = (Requirement(line.partition(" --hash")[0]) for line in lock)
    return {canonicalize_name(one.name) for one in found if one.marker is None or one.marker.evaluate()}


def test_every_package_of_a_lock_has_one_version_and_hashes(locks: dict[str, list[str]]) -> None:
    assert len(locks[LOCK]) > 30
    for line in (line for lock in locks.values() for line in lock):
        assert re.match(r"\S+==\S+ ", line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", line), line


def test_what_tests_run_on_is_what_runs_and_more(locks: dict[str, list[str]]) -> None:
    assert set(locks[LOCK]) < set(locks[DEV_LOCK]), "make lock"


@pytest.mark.parametrize("lock", SHIPPED)
def test_what_is_shipped_is_the_part_of_what_runs_here_that_its_extra_asks_for(
    lock: str, locks: dict[str, list[str]], project: dict[str, Any], left_out: set[str]
) -> None:
    assert set(locks[lock]) <= set(locks[LOCK]), "make lock"
    assert here(locks[lock]) == _installed_by(project, EXTRAS[lock], left_out), "make lock"


@pytest.mark.parametrize(("lock", "extra"), EXTRAS.items())
def test_a_lock_has_what_its_extra_asks_for_in_a_version_that_it_allows(
    lock: str, extra: str, locks: dict[str, list[str]], project: dict[str, Any]
) -> None:
    versions = locked(locks[lock])
    for requirement in _asked(project, extra):
        found = versions.get(canonicalize_name(requirement.name), set())
        assert found, f"{requirement} is not locked: make lock"
        assert all(requirement.specifier.contains(version) for version in found), f"{requirement}: {found}"


@pytest.mark.parametrize("lock", EXTRAS)
def test_a_lock_is_whole_but_for_what_is_left_out_on_purpose(
    lock: str, locks: dict[str, list[str]], left_out: set[str]
) -> None:
    asked = {canonicalize_name(one.name) for name in here(locks[lock]) for one in _required(name)}
    assert asked - here(locks[lock]) <= left_out
    assert not left_out & locked(locks[lock]).keys()


def test_every_module_has_its_extra(project: dict[str, Any], repository: Path) -> None:
    modules = {path.parent.name.replace("_", "-") for path in (repository / "modules").glob("*/module.py")}
    assert modules < PARTS.keys() <= project["optional-dependencies"].keys()


def test_setting_up_says_truly_how_much_comes(repository: Path, locks: dict[str, list[str]]) -> None:
    said = [int(size) for size in re.findall(r"(\d+) MB on disk", (repository / "Makefile").read_text())]
    to_run, to_test = here(locks[LOCK]), here(locks[DEV_LOCK])
    measured = [sum(map(_bytes, names)) / 1e6 for names in (to_run, to_test - to_run)]
    assert said == pytest.approx(measured, rel=0.15)


@pytest.mark.parametrize("extra", PARTS)
def test_a_part_is_imported_where_nothing_is_installed_but_its_extra(
    extra: str, repository: Path, project: dict[str, Any], left_out: set[str]
) -> None:
    packages, ours, heavy = PARTS[extra]
    installed = _installed_by(project, extra, left_out)
    owners = {name: {*map(canonicalize_name, of)} for name, of in packages_distributions().items()}
    lacking = [name for name in owners if not owners[name] & installed and name not in ours]
    assert {"local_azure", "pytest"} <= set(lacking)
    run = subprocess.run(  # noqa: S603 - our own code, by this Python
        [sys.executable, "-W", "ignore", "-c", _LOADED, json.dumps(packages), json.dumps(lacking)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    loaded = set(json.loads(run.stdout))
    assert loaded >= {*ours, *packages}
    assert loaded & HEAVY == heavy


def _asked(project: dict[str, Any], extra: str) -> list[Requirement]:
    """What an extra asks for by itself and through the extras in it."""
    found: list[Requirement] = []
    waiting = [*project["dependencies"], *project["optional-dependencies"][extra]]
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.name == "storeflow":
            waiting += [text for one in requirement.extras for text in project["optional-dependencies"][one]]
        else:
            found.append(requirement)
    return found


def _required(package: str) -> list[Requirement]:
    """What an installed package asks for on this machine."""
    found = map(Requirement, requires(package) or ())
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]


def _installed_by(project: dict[str, Any], extra: str, left_out: set[str]) -> set[str]:
    """Every package that is installed with an extra."""
    found: set[str] = set()
    waiting = _asked(project, extra)
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name not in found | left_out:
            found.add(name)
            waiting += _required(name)
    return found


def _bytes(package: str) -> int:
    paths = (Path(str(file.locate())) for file in distribution(package).files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())
