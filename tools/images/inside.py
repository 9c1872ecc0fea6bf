"""What a container looks like from inside and to the kernel: what it could import, where it could write, who it is."""

import json
from collections.abc import Mapping
from pathlib import Path

from storeflow.errors import StoreflowError
from tools.images.container import Container
from tools.images.lock import LOCK, MODULES, REPOSITORY

HEAVY = {
    "av": "av",
    "cv2": "opencv-python-headless",
    "lap": "lap",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime-openvino",
    "scipy": "scipy",
}
"""What only some images have, by its name in Python: the package that brings it."""
NOWHERE = (
    *("local_azure", "tools", "storeflow.__main__", "storeflow.cli", "storeflow.iot_hub", "storeflow.sample_store"),
    *("pip", "setuptools", "pytest", "rich", "cryptography", "jsonschema"),
)
"""What no image has."""

_PROBE = """
import importlib.util, json, sys, tempfile
names, folders = json.loads(sys.argv[1])
def writable(folder):
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
def importable(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # not even what it is in
        return False
print(json.dumps([[name for name in names if importable(name)], [folder for folder in folders if writable(folder)]]))
"""
_CLOSED = ("/", "/etc", "/opt/storeflow", "/opt/storeflow/lib", "/usr", "/var")
_SECONDS = 60.0


def forbidden(module: str) -> list[str]:
    """What must not be importable in the module's image."""
    lock = (REPOSITORY / "modules" / module / LOCK).read_text()
    heavy = [name for name, package in HEAVY.items() if f"\n{package}==" not in f"\n{lock}"]
    return [*heavy, *NOWHERE, *(f"modules.{other}" for other in MODULES if other != module)]


def probe(container: Container, module: str, log: Path) -> None:
    """Look from inside for what should not be importable or writable.

    Raises:
        StoreflowError: naming it.
    """
    open_folders = sorted(container.writable())
    question = json.dumps([forbidden(module), [*_CLOSED, *open_folders]])
    log.unlink(missing_ok=True)
    process = container.start({}, log, (container.image.entrypoint[0], "-c", _PROBE, question))
    if process.wait(_SECONDS) != 0:
        raise StoreflowError(f"{module}: the container does not start: {log.read_text()[-2000:]}")
    importable, writable = json.loads(log.read_text().splitlines()[-1])
    if importable:
        raise StoreflowError(f"{module}: the image holds what is not the module's: {', '.join(importable)}")
    if sorted(writable) != open_folders:
        raise StoreflowError(f"{module}: may write to {writable}, not just to {open_folders}")


def healthy(container: Container, environment: Mapping[str, str], log: Path) -> bool:
    """Run the image's HEALTHCHECK as Docker does: inside, with the container's environment."""
    return container.start(environment, log, container.image.healthcheck).wait(_SECONDS) == 0


def check_process(module: str, pid: int, container: Container) -> None:
    """Ask the kernel who the running module is and where it may write.

    Raises:
        StoreflowError: it is somebody, may do something, or may write elsewhere.
    """
    status = process_status(pid)
    user, group = container.options["User"].split(":")
    expected = {
        "Uid": [user] * 4,
        "Gid": [group] * 4,
        "Groups": [],
        "NoNewPrivs": ["1"],
        **{name: ["0" * 16] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")},
    }
    for name, value in expected.items():
        if status[name].split() != value:
            raise StoreflowError(f"{module}: runs with {name} {status[name]}, not {' '.join(value)}")
    mounts = (line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    # The last field is the file system's own options, the sixth those of its mount here.
    writable = {fields[4] for fields in mounts if "rw" in fields[5].split(",") and "rw" in fields[-1].split(",")}
    if writable != container.writable():
        raise StoreflowError(f"{module}: may write to {sorted(writable)}, not just to {sorted(container.writable())}")


def process_status(pid: int) -> dict[str, str]:
    """`/proc/<pid>/status`."""
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}
