"""All four images: built, started as the template says, and held against what they promise. It takes a minute."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from storeflow.errors import StoreflowError
from tools.images import proof, sizes
from tools.images.__main__ import build
from tools.images.lock import MODULES
from tools.images.proof import prove


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory, containers: None) -> dict[str, Path]:
    """What each image holds."""
    del containers
    return build(MODULES, tmp_path_factory.mktemp("images") / "roots", lambda _what: None)


@pytest.fixture
def template(repository: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((repository / "deployment.template.json").read_text())
    return document


def test_every_module_runs_in_its_image_as_nobody_and_frames_go_through_the_store(
    roots: dict[str, Path], template: dict[str, Any], tmp_path: Path
) -> None:
    proofs = prove(roots, template, tmp_path, lambda _what: None)
    assert [one.module for one in proofs] == list(MODULES)
    for one in proofs:
        assert "/data/outbox.db" in one.written
        assert all(path.startswith(("/data/", "/run/storeflow/")) for path in one.written)
        assert one.stopped_seconds < proof.STOP_SECONDS


def test_an_image_without_heavy_packages_is_small(roots: dict[str, Path]) -> None:
    for module in ("upstream_router", "zone_analytics"):
        size = sizes.measure(module, roots[module])
        assert size.total < 25 * sizes.MEGABYTE
        assert {"pydantic", "azure-iot-device", "storeflow"} <= size.packages.keys()


def test_an_image_holds_its_models_cards(roots: dict[str, Path], repository: Path) -> None:
    cards = {str(path.relative_to(repository)) for path in (repository / "models").rglob("model.toml")}
    assert cards
    assert {str(path.relative_to(roots["inference"])) for path in roots["inference"].rglob("model.toml")} == cards


def test_a_module_that_keeps_a_capability_is_told(
    roots: dict[str, Path], template: dict[str, Any], tmp_path: Path
) -> None:
    deployed = template["modulesContent"]["$edgeAgent"]["properties.desired"]["modules"]["upstream_router"]
    options = copy.deepcopy(deployed["settings"]["createOptions"])
    options["HostConfig"]["CapDrop"] = []
    deployed["settings"]["createOptions"] = options
    with pytest.raises(StoreflowError, match="upstream_router: runs with CapBnd"):
        prove({"upstream_router": roots["upstream_router"]}, template, tmp_path, lambda _what: None)


def test_a_twin_that_is_refused_is_told_with_the_log(
    roots: dict[str, Path], template: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "START_SECONDS", 4.0)
    template["modulesContent"]["upstream_router"]["properties.desired"]["telemetry"] = {"sinks": {"file": {"kind": 1}}}
    with pytest.raises(StoreflowError, match=r"(?s)not within 4 s: upstream_router applied its twin; .*telemetry"):
        prove({"upstream_router": roots["upstream_router"]}, template, tmp_path, lambda _what: None)


def test_a_module_that_does_not_leave_in_time_is_told(
    roots: dict[str, Path], template: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "STOP_SECONDS", 0.001)
    with pytest.raises(StoreflowError, match="upstream_router: still runs 0 s after SIGTERM"):
        prove({"upstream_router": roots["upstream_router"]}, template, tmp_path, lambda _what: None)
