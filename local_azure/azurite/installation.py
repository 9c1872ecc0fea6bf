"""Fetches Azurite once, into a folder that every checkout and test run of this user shares.

`package-lock.json` names each package with its hash and no address: npm asks whichever registry it is set to, and
refuses what has another hash. To move to another version: edit `package.json`, then in this folder

    npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from local_azure.azurite.node import Node
from storeflow.errors import StorageError

PACKAGE = Path(__file__).with_name("package.json")
LOCK = Path(__file__).with_name("package-lock.json")
MAIN = "node_modules/azurite/dist/src/azurite.js"

_POLL_SECONDS = 0.25
_NPM_OPTIONS = (
    "--ignore-scripts",  # Azurite needs none of them
    "--no-audit",
    "--no-fund",
    "--no-progress",
    "--no-update-notifier",
    "--loglevel=error",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=4000",
)


def cache_folder() -> Path:
    """Return where programs keep what they can fetch again: `$XDG_CACHE_HOME/storeflow`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "storeflow"


def version() -> str:
    """Return the version of Azurite that is pinned."""
    return str(json.loads(LOCK.read_text())["packages"]["node_modules/azurite"]["version"])


def install(node: Node, cache: Path | None = None) -> Path:
    """Return the program of Azurite, fetched now if it is not there yet.

    Whoever comes while another fetches waits for it. A fetch that is cut short leaves nothing that counts as one.

    Raises:
        StorageError: it cannot be fetched or kept.
    """
    root = cache or cache_folder()
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = root / f"azurite-{version()}-{digest}"
    if (folder / MAIN).is_file():
        return folder / MAIN
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / "azurite.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not (folder / MAIN).is_file():
                partial = folder.with_suffix(".partial")
                _fetch(node, partial)
                partial.rename(folder)
    except OSError as error:
        raise StorageError(f"Azurite cannot be kept in {root}: {error}") from error
    return folder / MAIN


def _fetch(node: Node, folder: Path) -> None:
    """Install the locked packages into a folder that is new."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in (PACKAGE, LOCK):
        shutil.copy(file, folder)
    packages = [folder / name / "package.json" for name in json.loads(LOCK.read_text())["packages"] if name]
    console = Console(file=sys.stderr)
    console.print(f"Fetching Azurite {version()}: once, 190 MB, into {folder.parent}", highlight=False)
    log = folder / "npm.log"
    with log.open("wb") as output, Progress(console=console, transient=True) as progress:
        task = progress.add_task("packages", total=len(packages))
        npm = subprocess.Popen(  # noqa: S603 - npm of the Node that was found, no shell
            [*node.npm, "ci", *_NPM_OPTIONS], cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            while npm.poll() is None:
                progress.update(task, completed=sum(file.exists() for file in packages))
                try:
                    npm.wait(_POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            npm.kill()
            npm.wait()
    if npm.returncode or not (folder / MAIN).is_file():
        raise StorageError(
            f"npm could not fetch Azurite; is the registry within reach? It says: {log.read_text()[-1500:]}"
        )
