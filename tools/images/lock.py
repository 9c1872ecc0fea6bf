"""`python -m tools.images.lock` (`make lock`): what each image installs, taken from the project's one lock.

`requirements.lock` has all that a developer needs. Each `modules/<module>/requirements.lock` has the part of it that
the module's extra asks for, in the same versions with the same hashes, and `build.lock` has what makes wheels.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = "pyproject.toml"
LOCK = "requirements.lock"
BUILD_LOCK = "tools/images/build.lock"
MODULES = ("upstream_router", "zone_analytics", "inference", "video_capture")

SUBSTITUTES = {"opencv-python": "opencv-python-headless"}
"""The same code without windows: opencv-python needs libGL, X11 and GLib, which no slim image has."""

NEVER_LOADED = ("mpmath", "sympy")
"""Of onnxruntime's requirements, only for its tools that convert models; 86 MB. The proof runs a model without them."""

BUILDS_PYAV = "cython>=3.1,<4"
"""Beside setuptools, what PyAV's own pyproject.toml asks for: video_capture's image compiles it."""


def requirements(project: dict[str, Any], extra: str) -> Iterator[str]:
    """What one extra asks for, and the project itself, with references to other extras followed."""
    yield from project["dependencies"]
    waiting: list[str] = list(project["optional-dependencies"][extra])
    while waiting:
        requirement = Requirement(waiting.pop(0))
        if requirement.name == project["name"]:
            waiting += [text for name in sorted(requirement.extras) for text in project["optional-dependencies"][name]]
        else:
            requirement.name = SUBSTITUTES.get(requirement.name, requirement.name)
            yield str(requirement)


def pinned_substitutes(lock: str) -> dict[str, str]:
    """By each substitute's name, the version in which the lock has what it stands for."""
    pins = (line.split(" ")[0].partition("==") for line in lock.splitlines() if line[:1].isalnum())
    return {SUBSTITUTES[name]: version for name, _, version in pins if name in SUBSTITUTES}


def asked(project: dict[str, Any], module: str, lock: str) -> list[str]:
    """What to resolve for one image."""
    versions = pinned_substitutes(lock)
    found = list(requirements(project, module.replace("_", "-")))
    names = {Requirement(text).name for text in found}
    return [*found, *(f"{name}=={version}" for name, version in versions.items() if name in names)]


def write_lock(wanted: Sequence[str], constraints: Sequence[Path], target: Path) -> None:
    """Resolve with uv, for every Python and platform of the project, with hashes.

    Raises:
        subprocess.CalledProcessError: uv found no answer; it has said why.
    """
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--universal", "--python-version", "3.11"]
    options = ["--generate-hashes", "--no-header", "--no-annotate", "--output-file", str(target)]
    limits = [part for path in constraints for part in ("--constraint", str(path))]
    limits += [part for name in NEVER_LOADED for part in ("--no-emit-package", name)]
    subprocess.run(  # noqa: S603 - our own words, no shell
        [*command, *options, *limits], input="\n".join(wanted), text=True, check=True, stdout=subprocess.DEVNULL
    )


def main() -> None:
    """Write all of them."""
    document = tomllib.loads((REPOSITORY / PROJECT).read_text())
    lock = REPOSITORY / LOCK
    for module in MODULES:
        wanted = asked(document["project"], module, lock.read_text())
        write_lock(wanted, [lock], REPOSITORY / "modules" / module / LOCK)
    write_lock([*document["build-system"]["requires"], BUILDS_PYAV], [], REPOSITORY / BUILD_LOCK)


if __name__ == "__main__":
    main()
