"""Becomes a container's command: `unshare --mount … python contain.py SPECIFICATION COMMAND…`, as root.

In a mount namespace of its own it puts together a root of read-only parts, has the kernel forbid writing to it, and
becomes the command as an unprivileged user without capabilities. A container's cgroups and networks it has not.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_OPTIONS = ["nosuid", "nodev"]


def main() -> None:
    """Build the root, enter it, become the command."""
    specification: dict[str, Any] = json.loads(sys.argv[1])
    root = Path(specification["root"])
    _mount("-t", "tmpfs", "-o", "mode=0755,size=1m", "storeflow", str(root))
    for link, target in specification["links"].items():
        (root / link.lstrip("/")).symlink_to(target)
    for bind in specification["binds"]:
        source, target = Path(bind["source"]), root / bind["target"].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.touch()
        _mount("--bind", str(source), str(target))
        flags = _OPTIONS if not bind.get("device") else ["nosuid"]
        _mount("-o", ",".join(["remount", "bind", *flags, *(["ro"] if bind["read_only"] else [])]), str(target))
    for target, options in specification["tmpfs"].items():
        folder = root / target.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"mode=1777,{options}", "tmpfs", str(folder))
    if specification["read_only"]:
        _mount("-o", "remount,ro", str(root))
    user, group = specification["user"].split(":")
    os.execv(  # noqa: S606 - our own command, no shell
        "/usr/sbin/chroot",
        [
            "chroot",
            str(root),
            "/usr/bin/setpriv",
            f"--reuid={user}",
            f"--regid={group}",
            "--clear-groups",
            *specification["privileges"],
            "--",
            *sys.argv[2:],
        ],
    )


def _mount(*arguments: str) -> None:
    subprocess.run(["/usr/bin/mount", *arguments], check=True)  # noqa: S603 - our own words, no shell


if __name__ == "__main__":
    main()
