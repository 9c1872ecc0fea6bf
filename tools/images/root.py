"""`python -m tools.images.root MODULE PREFIX`: what an image of ours has beyond its base image, made under PREFIX.

The Dockerfiles call it, and so does the proof that needs no Docker (`proof.py`): what is proven is what is shipped.
It needs nothing but a Python: pip comes with it, and all that is fetched is pinned by hash.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from storeflow.errors import StoreflowError

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD_LOCK = REPOSITORY / "tools" / "images" / "build.lock"
INSTALLED_AT = "/opt/storeflow"
"""Where an image has it."""
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "storeflow", "modules", "local_azure")
"""What the wheel is made of."""
OURS_BUT_NOT_OF_A_CONTAINER = (
    "local_azure",
    "storeflow/__main__.py",
    "storeflow/cli",
    "storeflow/iot_hub",
    "storeflow/sample_store",
)
LARGE_BYTES = 100_000
CARDS = {"inference": REPOSITORY / "models"}
"""Data that a module's image holds beside its code; `STOREFLOW_MODELS` in its Dockerfile names it."""


def build_root(module: str, prefix: Path, *, tools: Path, wheel: Path, from_source: Sequence[str] = ()) -> None:
    """Make the module's virtual environment, with its extra and no other, and nothing to install more with.

    Args:
        module: a folder of `modules/`.
        prefix: a folder that is not there yet.
        tools: of `build_tools`.
        wheel: of `build_wheel`.
        from_source: packages of the module's lock to compile here, from their sdist; their wheels aren't looked at.

    Raises:
        StoreflowError: a command failed; its last words are told.
    """
    if not (REPOSITORY / "modules" / module / "module.py").is_file():
        raise StoreflowError(f"modules/{module}: there is no such module")
    with tempfile.TemporaryDirectory() as name:
        only = [part for package in from_source for part in ("--no-binary", package)]
        lock = REPOSITORY / "modules" / module / "requirements.lock"
        _pip(tools, "wheel", "--no-deps", "--no-build-isolation", "--require-hashes", "-r", lock, "-w", name, *only)
        venv.create(prefix, symlinks=True)
        found = (*Path(name).glob("*.whl"), wheel)
        _pip(tools, "--python", prefix / "bin" / "python", "install", "--no-deps", "--no-index", "--no-compile", *found)
    keep_only(module, site_packages(prefix))
    remove_scripts(prefix)
    compile_all(prefix)
    link_copies(prefix)
    if module in CARDS:
        shutil.copytree(CARDS[module], prefix / "models")


def build_tools(folder: Path) -> Path:
    """Make an environment with what builds wheels, pinned by hash; return its Python."""
    venv.create(folder, symlinks=True, with_pip=True)
    python = folder / "bin" / "python"
    _pip(python, "install", "--no-deps", "--require-hashes", "-r", BUILD_LOCK)
    return python


def build_wheel(folder: Path, tools: Path) -> Path:
    """Build this project's wheel, from a copy: setuptools leaves its work lying beside the sources."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "storeflow"
        copy.mkdir()
        for source in SOURCES:
            path = REPOSITORY / source
            if path.is_dir():
                shutil.copytree(path, copy / source, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, copy / source)
        _pip(tools, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, copy)
    (wheel,) = folder.glob("storeflow-*.whl")
    return wheel


def keep_only(module: str, packages: Path) -> None:
    """Take out of the installed project what no container runs: stand-ins, the command line, other modules."""
    others = (path for path in (packages / "modules").iterdir() if path.is_dir() and path.name != module)
    for path in (*others, *(packages / name for name in OURS_BUT_NOT_OF_A_CONTAINER)):
        if path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path)


def remove_scripts(prefix: Path) -> None:
    """Leave `python` as the only command, and no header."""
    for path in (prefix / "bin").iterdir():
        if not re.fullmatch(r"python[\d.]*", path.name):
            path.unlink()
    shutil.rmtree(prefix / "include", ignore_errors=True)


def compile_all(prefix: Path) -> None:
    """Compile every file once and for all: a read-only image can't keep what Python would compile at each start."""
    options = ("-q", "--invalidation-mode", "unchecked-hash", "-s", prefix, "-p", INSTALLED_AT)
    _run(
        [prefix / "bin" / "python", "-m", "compileall", *options, prefix / "lib"], doing="compiling what was installed"
    )


def link_copies(prefix: Path) -> None:
    """Keep one of large files that are the same: a wheel can't hold the links of a library's several names."""
    kept: dict[str, Path] = {}
    for path in sorted(prefix.rglob("*.so*")):
        if path.is_symlink() or not path.is_file() or path.stat().st_size < LARGE_BYTES:
            continue
        with path.open("rb") as file:
            first = kept.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), path)
        if first is not path:
            path.unlink()
            path.hardlink_to(first)


def site_packages(prefix: Path) -> Path:
    """Where an environment's packages lie."""
    (found,) = prefix.glob("lib/python*/site-packages")
    return found


def _pip(python: Path, *arguments: str | Path) -> None:
    doing = "pip " + next(str(argument) for argument in arguments if argument in ("install", "wheel"))
    _run([python, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments], doing=doing)


def _run(command: Sequence[str | Path], *, doing: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ended = subprocess.run(  # noqa: S603 - built above, no shell
        [str(part) for part in command], env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        told = (ended.stderr or ended.stdout).strip()[-2000:]
        raise StoreflowError(f"{doing} failed: {told}")


def main(arguments: list[str] | None = None) -> int:
    """Build one root."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--from-source", action="append", default=[], metavar="PACKAGE")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as name:
            tools = build_tools(Path(name) / "tools")
            wheel = build_wheel(Path(name), tools)
            build_root(options.module, options.prefix, tools=tools, wheel=wheel, from_source=options.from_source)
    except StoreflowError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
