"""A container without Docker: an image's root, started as the deployment's createOptions say.

What is kept of them: User, ReadonlyRootfs, CapDrop, no-new-privileges, Tmpfs, Binds. What is not: Memory, PidsLimit and
LogConfig, which are cgroups' and Docker's own, and a network of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.images.dockerfile import Image
from tools.images.root import INSTALLED_AT

_CONTAIN = Path(__file__).with_name("contain.py")
_SYSTEM = ("/usr", "/etc")
_LINKS = ("/bin", "/lib", "/lib64", "/sbin")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_DROP_ALL = ["--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"]


def why_not() -> str:
    """What this machine lacks to start a container this way; empty when nothing."""
    if os.geteuid() != 0:
        return "only root may mount and change its user: run it as root"
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],  # noqa: S607 - util-linux, wherever it lies
        capture_output=True,
        text=True,
        check=False,
    )
    return tried.stderr.strip()


@dataclass(frozen=True)
class Container:
    """One container, ready to start.

    Attributes:
        root: an empty folder, over which its root is mounted.
        installed: what lies at `/opt/storeflow`.
        image: how it starts.
        options: createOptions.
        host: stands for `/` of the host in Binds.
        sockets: what edgeAgent binds by itself: the workload API's, by its path here.
    """

    root: Path
    installed: Path
    image: Image
    options: Mapping[str, Any]
    host: Path
    sockets: Mapping[str, str] = field(default_factory=dict)

    def start(self, environment: Mapping[str, str], log: Path, command: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start the image's entrypoint, or another command; its process id is that of the process that is returned."""
        self.root.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - built here, no shell
                [
                    *("/usr/bin/unshare", "--mount", "--propagation", "private", sys.executable, str(_CONTAIN)),
                    json.dumps(self._specification()),
                    *(command or self.image.entrypoint),
                ],
                env={**self.image.environment, **environment},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd="/",
            )

    def writable(self) -> set[str]:
        """Where it may write: its mount points that are not read-only."""
        binds = {bind["target"] for bind in self._binds() if not bind["read_only"]}
        root = set() if self._host_config.get("ReadonlyRootfs") else {"/"}
        return binds | set(self._tmpfs()) | root

    @property
    def _host_config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.options.get("HostConfig", {})
        return config

    def _specification(self) -> dict[str, Any]:
        privileges = list(_DROP_ALL) if self._host_config.get("CapDrop") == ["ALL"] else []
        if "no-new-privileges:true" in self._host_config.get("SecurityOpt", ()):
            privileges.append("--no-new-privs")
        return {
            "root": str(self.root),
            "links": {link: str(Path(link).readlink()) for link in _LINKS if Path(link).is_symlink()},
            "binds": [*self._system(), *self._binds()],
            "tmpfs": self._tmpfs(),
            "read_only": bool(self._host_config.get("ReadonlyRootfs")),
            "user": self.options.get("User", self.image.user),
            "privileges": privileges,
        }

    def _system(self) -> list[dict[str, Any]]:
        """What stands for the base image: this machine's system and the Python that we run on."""
        folders = [*_SYSTEM, *(link for link in _LINKS if not Path(link).is_symlink())]
        if not Path(sys.base_prefix).is_relative_to("/usr"):
            folders.append(sys.base_prefix)
        binds: list[dict[str, Any]] = [{"source": path, "target": path, "read_only": True} for path in folders]
        binds += [{"source": path, "target": path, "read_only": True, "device": True} for path in _DEVICES]
        binds.append({"source": "/proc", "target": "/proc", "read_only": True})
        return [*binds, {"source": str(self.installed), "target": INSTALLED_AT, "read_only": True}]

    def _binds(self) -> list[dict[str, Any]]:
        binds: list[dict[str, Any]] = [
            {"source": path, "target": target, "read_only": True} for path, target in self.sockets.items()
        ]
        for text in self._host_config.get("Binds", ()):
            source, target, *flags = text.split(":")
            folder = self.host / source.lstrip("/")
            binds.append({"source": str(folder), "target": target, "read_only": "ro" in flags})
        return binds

    def _tmpfs(self) -> dict[str, str]:
        """Docker mounts `/dev/shm` whether it is asked for or not."""
        return {"/dev/shm": "rw,noexec,nosuid,nodev,size=64m", **self._host_config.get("Tmpfs", {})}  # noqa: S108 - Docker's
