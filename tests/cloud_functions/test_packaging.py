"""The deployment package, put together as README.md says and run where nothing else is installed."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from cloud_functions import bronze
from cloud_functions.settings import Settings
from cloud_functions.storage import open_files
from cloud_functions.stores import PATH, Stores
from tests.conftest import skip_or_fail

SITE_PACKAGES = Path(".python_packages/lib/site-packages")
QUICKLY = {"PIP_COMPILE": "0", "PIP_QUIET": "1"}
"""pip's `--no-compile` and `--quiet`."""

WORKER = """
import base64, json, sys
from pathlib import Path
from types import SimpleNamespace

app, called = Path(sys.argv[1]), json.load(sys.stdin)
standard_library = list(sys.path)
sys.path[:0] = [str(app), str(app / ".python_packages/lib/site-packages")]
import function_app
from azure.functions.meta import Datum, _ConverterMeta

functions = {each.get_function_name(): each.get_user_function() for each in function_app.app.get_functions()}
functions["land"](
    _ConverterMeta.get("eventHubTrigger").decode(
        Datum(SimpleNamespace(bytes=[base64.b64decode(called["body"])]), "collection_bytes"),
        trigger_metadata={name: Datum(json.dumps(value), "json") for name, value in called["metadata"].items()},
    )
)
functions["refine"](None)
files = {Path(module.__file__) for module in sys.modules.values() if getattr(module, "__file__", None)}
strange = [str(file) for file in files if not any(file.is_relative_to(one) for one in (app, *standard_library))]
print(json.dumps({"functions": sorted(functions), "strange": strange}))
"""


@pytest.fixture(scope="module")
def package(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package's zip, without compression."""
    folder = tmp_path_factory.mktemp("package")
    sources = folder / "sources"
    for name in ("storeflow", "modules", "cloud_functions", "local_azure"):  # pip leaves files where it builds
        shutil.copytree(repository / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, sources)
    chapter = (sources / "cloud_functions" / "README.md").read_text().partition("## Packaging\n")[2]
    commands = chapter.partition("```sh\n")[2].partition("```\n")[0]
    done = subprocess.run(  # noqa: S603 - as README.md has it
        ["/bin/sh", "-e", "-c", commands],
        cwd=sources,
        env=os.environ | {"PATH": os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"])), **QUICKLY},
        capture_output=True,
        text=True,
        check=False,
    )
    if "ERROR: Could not" in done.stderr:
        skip_or_fail(f"pip cannot fetch what the package needs: {done.stderr[-500:]}")
    assert done.returncode == 0, done.stderr
    app = sources / "app"
    path = folder / "app.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        for file in app.rglob("*"):
            zipped.write(file, file.relative_to(app))
    shutil.rmtree(app)
    yield path
    path.unlink()


def test_the_package_has_the_versions_of_the_lock_and_nothing_that_runs_in_a_shop(
    package: Path, repository: Path
) -> None:
    with zipfile.ZipFile(package) as zipped:
        paths = [Path(name) for name in zipped.namelist()]
    inside = [path.relative_to(SITE_PACKAGES) for path in paths if SITE_PACKAGES in path.parents]
    lock = (repository / "cloud_functions" / "requirements.lock").read_text()
    pinned = {canonicalize_name(line) for line in re.findall(r"^[\w.-]+==[^\s;]+", lock, re.MULTILINE)}
    installed = [path.parent.stem.partition("-") for path in inside if path.name == "METADATA"]
    (ours,) = {canonicalize_name(f"{name}=={version}") for name, _, version in installed} - pinned
    assert ours.startswith("storeflow==")
    assert not {path.parts[0] for path in inside} & {"bin", "local_azure", "modules"}
    of_ours = {path.name for path in inside if path.parent == Path("storeflow")}
    assert of_ours == {"__init__.py", "contract", "errors.py", "py.typed"}


def test_the_package_lands_and_refines_an_event_where_nothing_else_is_installed(
    package: Path, shop: Any, stores: Stores, container: Any, tmp_path: Path
) -> None:
    with zipfile.ZipFile(package) as zipped:
        zipped.extractall(tmp_path / "app")
    settings = {"LAKE_CONNECTION_STRING": container.connection_string, "LAKE_CONTAINER": container.name}
    files = open_files(Settings.of(settings))
    files.create(PATH, stores.model_dump_json().encode(), {})
    event = shop.crossed()
    metadata = {
        "PartitionContext": {
            "FullyQualifiedNamespace": "contoso.servicebus.windows.net",
            "EventHubName": "store-events",
            "PartitionId": "0",
        },
        "SystemPropertiesArray": [
            {
                "SequenceNumber": 1,
                "Offset": "512",
                "EnqueuedTimeUtc": "2026-11-20T09:00:00Z",
                "iothub-connection-device-id": shop.device_id,
                "content-type": "application/json",
                "content-encoding": "utf-8",
            }
        ],
        "PropertiesArray": [{}],
    }
    called = json.dumps({"body": b64encode(event.to_json()).decode(), "metadata": metadata})
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-I", "-S", "-B", "-c", WORKER, str(tmp_path / "app")],
        input=called,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["strange"] == []
    assert {"land", "refine", "upkeep"} <= set(told["functions"])
    (path,) = files.files("bronze")
    assert [line.event.encode() for line in bronze.read(files.read(path), path)] == [event.to_json()]
    assert any(name.endswith(".parquet") for name in files.files("silver/events"))
    assert any(name.endswith(".parquet") for name in files.files("gold/fact_footfall_15m"))
