"""Fetches those packages once, into the folder that Azurite is kept in too; each is named with its hash.

To move to other versions: edit `package.json`, then in this folder

    npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit
"""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from local_azure.azurite.installation import cache_folder
from local_azure.azurite.node import Node
from storeflow.errors import StorageError

_HERE = Path(__file__).parent
_FILES = ("package.json", "package-lock.json")
_SECONDS = 120


def install(node: Node, cache: Path | None = None) -> Path:
    """Return the folder `node_modules`, fetched now if it is not there yet.

    Whoever comes while another fetches waits for it. A fetch that is cut short leaves nothing that counts as one.

    Raises:
        StorageError: they cannot be fetched or kept.
    """
    root = cache or cache_folder()
    digest = hashlib.sha256((_HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = root / f"published-{digest}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / "published.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not folder.is_dir():
                partial = folder.with_suffix(".partial")
                _fetch(node, partial)
                partial.rename(folder)
    except OSError as error:
        raise StorageError(f"what others publish cannot be kept in {root}: {error}") from error
    return folder / "node_modules"


def _fetch(node: Node, folder: Path) -> None:
    """Install the locked packages into a folder that is new."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in _FILES:
        shutil.copy(_HERE / name, folder)
    command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(  # noqa: S603 - npm of the Node that was found, no shell
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=_SECONDS
        )
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", "") or ""
        raise StorageError(f"npm could not fetch {', '.join(_FILES)}: {error} {said[-1500:]}") from error
