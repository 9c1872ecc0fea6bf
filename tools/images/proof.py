"""A store out of the images' roots: proof that each module runs in its own, as what the deployment makes of it.

All of them meet one edgeHub stand-in. Each takes its twin, answers a method, is found well by its health check, leaves
when asked, and has changed nothing but its binds. When the whole store runs, frames have to go through it: memory
passes from container to container over the sockets of one folder that they share.
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from local_azure.edge_hub.process import EdgeHubProcess
from storeflow.errors import StoreflowError
from tools.images.container import Container
from tools.images.dockerfile import read_image
from tools.images.inside import check_process, healthy, probe, process_status
from tools.images.lock import MODULES, REPOSITORY

WORKLOAD_SOCKET = "/var/run/iotedge/workload.sock"
"""Where edgeAgent shows a module its workload API."""
DESIRED = "properties.desired"
CAMERAS = {"cameras": {"entrance": {"url": "pattern:walker", "fps": 10}}}
"""In place of the template's film, which is rendered elsewhere."""
FRAMES = 20
"""As many have to reach zone_analytics."""
HTTP_HOST = "127.0.0.7"
"""Where modules serve their health from here: not where nobody said anything, so that the health check has to look."""
START_SECONDS, STOP_SECONDS = 60.0, 10.0
"""Docker waits as long for a container to stop."""

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Proof:
    """What one module did.

    Attributes:
        started_seconds: until its twin was applied.
        stopped_seconds: from SIGTERM to its end.
        peak_mb: of resident memory, in between.
        written: the files that it left behind, by their paths in the container.
    """

    module: str
    started_seconds: float
    stopped_seconds: float
    peak_mb: float
    written: tuple[str, ...]


def prove(
    installed: Mapping[str, Path], template: Mapping[str, Any], folder: Path, told: Callable[[str], None]
) -> list[Proof]:
    """Run the modules and hold all that they do against what was promised.

    Args:
        installed: by module, the root that was built for its image.
        template: of the deployment.
        folder: for the hub, the host's folders and the logs.
        told: hears what goes on.

    Raises:
        StoreflowError: the first promise that is not kept, and the end of the module's log.
    """
    with EdgeHubProcess(folder / "hub") as hub, ExitStack() as started:
        hub.client.set_routes(template["modulesContent"]["$edgeHub"][DESIRED]["routes"])
        runs = [_Run(module, root, template, folder, hub) for module, root in installed.items()]
        for run in runs:
            told(f"{run.module}: starting")
            started.callback(run.kill)
            run.start()
        if set(installed) == set(MODULES):
            told("waiting for frames to go through the store")
            _await(
                lambda: runs_metric(hub, "zone_analytics", "frames") >= FRAMES, "frames reached zone_analytics", runs
            )
        proofs = []
        for run in reversed(runs):
            told(f"{run.module}: stopping")
            proofs.append(run.finish())
    return proofs[::-1]


def runs_metric(hub: EdgeHubProcess, module: str, name: str) -> float:
    """One number of the method `metrics`; 0 while there is none."""
    answer = hub.client.invoke_method(module, "metrics")
    if answer.status != HTTPStatus.OK or not isinstance(answer.payload, dict):
        raise StoreflowError(f"{module}: the method metrics was answered with {answer}")
    return float(answer.payload.get(name, 0))


class _Run:
    """One module, from its container's start to its end."""

    def __init__(
        self, module: str, installed: Path, template: Mapping[str, Any], folder: Path, hub: EdgeHubProcess
    ) -> None:
        self.module = module
        self.log = folder / f"{module}.log"
        self._hub, self._template = hub, template
        deployed = template["modulesContent"]["$edgeAgent"][DESIRED]["modules"][module]
        workload = hub.environment(module)["IOTEDGE_WORKLOADURI"].removeprefix("unix://")
        Path(workload).chmod(0o666)  # as aziot-edged's is
        options = deployed["settings"]["createOptions"]
        image = read_image(REPOSITORY / "modules" / module / "Dockerfile")
        sockets = {workload: WORKLOAD_SOCKET}
        self._container = Container(folder / f"{module}.root", installed, image, options, folder / "host", sockets)
        self._environment = {name: str(entry["value"]) for name, entry in deployed["env"].items()}
        self._environment |= hub.environment(module) | {
            "IOTEDGE_WORKLOADURI": f"unix://{WORKLOAD_SOCKET}",
            "STOREFLOW_HTTP_ADDRESS": f"{HTTP_HOST}:{_free_port()}",  # containers have each a network of their own
        }
        self._process: subprocess.Popen[bytes] | None = None
        prepare_host(options, folder / "host")

    def start(self) -> None:
        """Look into the container, start the module in it, and wait for its twin."""
        probe(self._container, self.module, self.log.with_suffix(".probe"))
        desired = dict(self._template["modulesContent"][self.module][DESIRED])
        desired |= CAMERAS if self.module == "video_capture" else {}
        version = self._hub.client.replace_twin(self.module, desired)["properties"]["desired"]["$version"]
        self._before = _listing(self._container.installed)
        begun = time.monotonic()
        self._process = self._container.start(self._environment, self.log)

        def applied() -> bool:
            reported = self._hub.client.reported(self.module)
            statuses = [reported.get(section, {}) for section in desired]
            return all((status.get("ac"), status.get("av")) == (HTTPStatus.OK, version) for status in statuses)

        _await(applied, f"{self.module} applied its twin", [self])
        self._started_seconds = time.monotonic() - begun

    def finish(self) -> Proof:
        """Look at the running module, ask it to leave, and look at what it leaves."""
        process = self._process
        if process is None or process.poll() is not None:
            raise StoreflowError(f"{self.module}: does not run; {self.last_words()}")
        runs_metric(self._hub, self.module, "")
        check_process(self.module, process.pid, self._container)
        if not healthy(self._container, self._environment, self.log):
            raise StoreflowError(f"{self.module}: its health check fails; {self.last_words()}")
        peak_mb = int(process_status(process.pid)["VmHWM"].split()[0]) / 1000
        asked = time.monotonic()
        process.terminate()
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            told = f"{self.module}: still runs {STOP_SECONDS:.0f} s after SIGTERM; {self.last_words()}"
            raise StoreflowError(told) from error
        stopped = time.monotonic() - asked
        if status != 0:
            raise StoreflowError(f"{self.module}: ended with {status} after SIGTERM; {self.last_words()}")
        if healthy(self._container, self._environment, self.log):
            raise StoreflowError(f"{self.module}: its health check finds it well after its end")
        if not healthy(self._container, {**self._environment, "STOREFLOW_HTTP_ADDRESS": "off"}, self.log):
            raise StoreflowError(f"{self.module}: its health check fails where there is nothing to ask")
        if _listing(self._container.installed) != self._before:
            raise StoreflowError(f"{self.module}: changed what its image holds")
        written = _written(self._container)
        return Proof(self.module, round(self._started_seconds, 2), round(stopped, 2), round(peak_mb, 1), written)

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process is not None and self._process.poll() is not None

    def last_words(self) -> str:
        """The end of the log."""
        return f"its log ends: {self.log.read_text()[-2000:]}"

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def prepare_host(options: Mapping[str, Any], host: Path) -> None:
    """Make the folders that Binds name, as docs/deployment.md tells an administrator to."""
    user, group = map(int, options["User"].split(":"))
    for text in options["HostConfig"]["Binds"]:
        folder = host / text.split(":")[0].lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, user, group)


def _await(condition: Callable[[], bool], what: str, runs: list[_Run]) -> None:
    give_up = time.monotonic() + START_SECONDS
    while not condition():
        for run in runs:
            if run.ended():
                raise StoreflowError(f"{run.module}: ended before {what}; {run.last_words()}")
        if time.monotonic() > give_up:
            told = "; ".join(f"{run.module}: {run.last_words()}" for run in runs)
            raise StoreflowError(f"not within {START_SECONDS:.0f} s: {what}; {told}")
        time.sleep(_POLL_SECONDS)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HTTP_HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    found = ((path, path.lstat()) for path in folder.rglob("*"))
    return {str(path): (status.st_size, status.st_mtime_ns) for path, status in found}


def _written(container: Container) -> tuple[str, ...]:
    found = []
    for text in container.options["HostConfig"]["Binds"]:
        source, target, *flags = text.split(":")
        folder = container.host / source.lstrip("/")
        if "ro" not in flags:
            found += [f"{target}/{path.relative_to(folder)}" for path in folder.rglob("*") if not path.is_dir()]
    return tuple(sorted(found))
