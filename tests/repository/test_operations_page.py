"""docs/operations.md names nothing that is not there: metrics, methods, reasons, settings, log lines."""

import re
from pathlib import Path
from typing import get_args

import pytest

from storeflow.cli.main import COMMANDS
from storeflow.contract.events.cameras import FailedReason


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "operations.md").read_text()


@pytest.fixture(scope="module")
def code(repository: Path) -> str:
    """Every source that runs in a container or in the cloud, without what cuts its texts into pieces."""
    folders = ("storeflow", "modules", "cloud_functions")
    paths = sorted(path for folder in folders for path in (repository / folder).rglob("*.py"))
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in paths))


def test_every_reason_for_which_a_camera_fails_has_its_row(page: str) -> None:
    section = page.split("## One camera's figures stop")[1].split("\n## ", maxsplit=1)[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)[1:] == list(get_args(FailedReason))


def test_every_metric_is_one_that_is_served(page: str, repository: Path) -> None:
    served = set(re.findall(r"^\| `(\w+)` \|", (repository / "docs" / "metrics.md").read_text(), re.MULTILINE))
    named = set(re.findall(r"\b(?:storeflow|process)_[a-z_]+\b", page)) - {"storeflow_nano"}
    assert len(named) > 8
    assert named - served == set()


def test_every_log_line_is_one_that_is_written(page: str, code: str) -> None:
    quoted = [line for line in re.findall(r"`([^`\n]*…[^`\n]*)`", page) if line != "…"]
    assert len(quoted) > 4
    pieces = [piece.strip(" :,;") for line in quoted for piece in line.split("…")]
    assert [piece for piece in pieces if piece and piece not in code] == []


def test_every_method_and_command_is_there(page: str, repository: Path) -> None:
    methods = set(re.findall(r"^## (\w+)$", (repository / "docs" / "methods.md").read_text(), re.MULTILINE))
    assert {"supportBundle", "testCamera", "getConfig"} <= {
        name for name in methods if f"`{name}`" in page or name in page
    }
    named = set(re.findall(r"`storeflow ([a-z]+) ", page))
    assert {"twin", "run"} <= named <= COMMANDS.keys()


def test_every_setting_and_field_is_told_elsewhere_too(page: str, repository: Path) -> None:
    pages = ("configuration.md", "events.md", "methods.md", "data-dictionary.md", "../cloud_functions/README.md")
    told = "\n".join((repository / "docs" / name).read_text() for name in pages)
    names = set(re.findall(r"`([a-z]+_[a-z_]+)`", page)) - set(re.findall(r"`((?:storeflow|process)_\w+)`", page))
    assert {"drift_bound", "freeze_seconds", "staff_only"} <= names
    assert {name for name in names if not re.search(rf"\b{name}\b", told)} == set()
