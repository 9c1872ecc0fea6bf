"""The rules in pyproject.toml, each broken once: a rule that lets its own breach pass says nothing."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OURS = ("storeflow", "modules", "cloud_functions", "local_azure", "tools", "examples")


@pytest.fixture(scope="module")
def tree(files: tuple[Path, ...], repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of our packages and of the rules, to be broken."""
    folder = tmp_path_factory.mktemp("tree")
    for path in files:
        name = path.relative_to(repository)
        if (name.parts[0] in OURS and path.suffix == ".py") or str(name) == "pyproject.toml":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / name)
    return folder


def checked(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the linter of this environment, on our own code
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_tree_keeps_every_rule(tree: Path) -> None:
    run = checked(tree)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("modules/inference/module.py", "import modules.zone_analytics.module", "Modules don't import one another"),
        ("storeflow/contract/geometry.py", "import numpy", "The contract imports pydantic"),
        ("storeflow/contract/geometry.py", "import cv2", "The contract imports pydantic"),
        ("storeflow/contract/twins.py", "import socket", "The contract imports pydantic"),
        ("storeflow/contract/events/base.py", "import time", "The contract imports pydantic"),
        ("storeflow/contract/events/base.py", "import storeflow.host.outbox", "The contract imports pydantic"),
        ("storeflow/host/module_thread.py", "import local_azure.edge_hub", "Stand-ins and tools"),
        ("modules/video_capture/module.py", "import storeflow.sample_store.film", "No module imports what its image"),
        ("storeflow/host/host.py", "import modules.inference.module", "Only the command line"),
        ("storeflow/observability/logs.py", "import storeflow.host.status", "Layers"),
        ("storeflow/transport/port.py", "import storeflow.observability.logs", "Layers"),
        ("storeflow/iot_hub/client.py", "import storeflow.host.host", "Layers"),
        ("storeflow/frames/frame.py", "import storeflow.transport.port", "Layers"),
        ("modules/zone_analytics/people.py", "import time", "Deciding is pure"),
        ("storeflow/host/host.py", "import azure.iot.device", "One file knows the Azure IoT SDK"),
        ("storeflow/cli/main.py", "import azure.iot.device", "One file knows the Azure IoT SDK"),
        ("storeflow/transport/port.py", "import azure.iot.device", "One file knows the Azure IoT SDK"),
        ("local_azure/edge_hub/hub.py", "import azure.iot.device", "One file knows the Azure IoT SDK"),
        ("modules/inference/detector.py", "import onnxruntime", "One file knows the Azure IoT SDK"),
        ("tools/hard_cases/run.py", "import onnxruntime", "One file knows the Azure IoT SDK"),
        ("examples/lake.py", "import azure.storage.blob", "One file knows the Azure IoT SDK"),
        ("examples/lake.py", "import modules.inference.module", "Only the command line"),
        ("examples/fleet_lake.py", "import storeflow.host.outbox", "Examples need nothing that runs in a shop"),
        ("examples/plots.py", "import local_azure.azurite", "Examples need nothing that runs in a shop"),
        ("cloud_functions/landing.py", "import examples.lake", "Nothing of ours needs an example"),
        ("examples/event_hub_consumer.py", "import storeflow.errors", "The example consumer can be copied"),
    ],
)
def test_a_breach_is_found(tree: Path, file: str, line: str, rule: str) -> None:
    kept = (tree / file).read_text()
    try:
        (tree / file).write_text(f"{kept}\n{line}\n")
        run = checked(tree)
    finally:
        (tree / file).write_text(kept)
    broken = [text for text in run.stdout.splitlines() if " BROKEN" in text]
    assert run.returncode == 1
    assert any(text.startswith(rule) for text in broken), run.stdout + run.stderr


def test_the_contract_asks_nobody_to_install_more_than_pydantic(repository: Path) -> None:
    imported = {
        name.partition(".")[0]
        for path in (repository / "storeflow" / "contract").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or "."] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert imported - sys.stdlib_module_names == {"pydantic", "storeflow"}
