"""Containers out of an empty environment; each guard is shown to be missed when it is taken away."""

import subprocess
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storeflow.errors import StoreflowError
from tools.images.container import Container
from tools.images.dockerfile import Image
from tools.images.inside import check_process, forbidden, healthy, probe
from tools.images.proof import prepare_host

pytestmark = pytest.mark.usefixtures("containers")

PYTHON = "/opt/storeflow/bin/python"
Make = Callable[..., Container]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    venv.create(tmp_path / "installed", symlinks=True)
    return tmp_path / "installed"


@pytest.fixture
def make(installed: Path, tmp_path: Path) -> Make:
    """`make(CapDrop=None)`: a container with the template's guards but for what is said."""

    def container(command: tuple[str, ...] = ("-c", "import time; time.sleep(60)"), **changes: Any) -> Container:
        host = {
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Tmpfs": {"/tmp": "rw,noexec,nosuid,size=1m"},  # noqa: S108 - the container's own
            "Binds": ["/srv/state:/data", "/srv/media:/media:ro"],
        }
        options = {"User": "10001:10001", "HostConfig": {**host, **changes}}
        prepare_host(options, tmp_path / "host")
        image = Image("10001:10001", (PYTHON, *command), (PYTHON, "-c", "raise SystemExit(0)"), {"PATH": "/usr/bin"})
        return Container(tmp_path / "root", installed, image, options, tmp_path / "host")

    return container


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Container], int]]:
    """Starts a container and returns its process id, once its command runs in it."""
    started: list[subprocess.Popen[bytes]] = []

    def start(container: Container) -> int:
        started.append(container.start({}, tmp_path / "log"))
        pid, give_up = started[-1].pid, time.monotonic() + 20
        while not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(PYTHON.encode()):
            assert started[-1].poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < give_up
            time.sleep(0.02)
        return pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_its_command_is_nobody_and_may_write_to_its_binds_alone(make: Make, run: Callable[[Container], int]) -> None:
    container = make()
    assert container.writable() == {"/data", "/tmp", "/dev/shm"}  # noqa: S108 - the container's own
    check_process("zone_analytics", run(container), container)


@pytest.mark.parametrize(
    ("guard", "told"),
    [
        ("CapDrop", "runs with CapBnd [0-9a-f]*[1-9a-f]"),
        ("SecurityOpt", "runs with NoNewPrivs 0"),
    ],
)
def test_a_guard_that_is_taken_away_is_missed(
    guard: str, told: str, make: Make, run: Callable[[Container], int]
) -> None:
    container = make(**{guard: []})
    with pytest.raises(StoreflowError, match=told):
        check_process("zone_analytics", run(container), container)


def test_a_root_that_can_be_written_to_is_missed(make: Make, run: Callable[[Container], int]) -> None:
    pid = run(make(ReadonlyRootfs=False))
    with pytest.raises(StoreflowError, match=r"may write to \['/', "):
        check_process("zone_analytics", pid, make())


def test_from_inside_nothing_else_can_be_imported_or_written_to(make: Make, tmp_path: Path) -> None:
    probe(make(), "zone_analytics", tmp_path / "log")


def test_a_package_of_another_module_is_found_from_inside(make: Make, installed: Path, tmp_path: Path) -> None:
    (packages,) = installed.glob("lib/python*/site-packages")
    (packages / "numpy").mkdir()
    (packages / "numpy" / "__init__.py").touch()
    with pytest.raises(StoreflowError, match=r"zone_analytics: the image holds what is not the module's: numpy$"):
        probe(make(), "zone_analytics", tmp_path / "log")
    probe(make(), "video_capture", tmp_path / "log")


def test_a_folder_that_is_open_or_closed_against_its_promise_is_found_from_inside(make: Make, tmp_path: Path) -> None:
    container = make()
    promises = _Promises(container.root, container.installed, container.image, container.options, container.host)
    with pytest.raises(StoreflowError, match=r"may write to .*, not just to .*'/usr/lib'"):
        probe(promises, "zone_analytics", tmp_path / "log")


class _Promises(Container):
    """Says that it is open where it is closed."""

    def writable(self) -> set[str]:
        return {"/data", "/tmp", "/dev/shm", "/usr/lib"}  # noqa: S108 - the container's own


def test_the_health_check_runs_inside(make: Make, tmp_path: Path) -> None:
    assert healthy(make(), {}, tmp_path / "log")
    sick = make()
    image = Image(sick.image.user, sick.image.entrypoint, (PYTHON, "-c", "raise SystemExit(1)"))
    assert not healthy(Container(sick.root, sick.installed, image, sick.options, sick.host), {}, tmp_path / "log")


def test_what_no_image_may_hold_is_known_for_each() -> None:
    assert {"cv2", "numpy", "onnxruntime", "av", "scipy", "local_azure"} <= set(forbidden("zone_analytics"))
    assert {"cv2", "lap", "numpy", "onnxruntime"}.isdisjoint(forbidden("inference"))
    assert "av" in forbidden("inference")
    assert "modules.zone_analytics" in forbidden("inference")
    assert "modules.inference" not in forbidden("inference")
