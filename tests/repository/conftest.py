"""What the tests of the repository itself look at: its files, its template, the tables of its pages."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import skip_or_fail

Row = dict[str, str]
Tables = Callable[[str], list[list[Row]]]


@pytest.fixture(scope="session")
def files(repository: Path) -> tuple[Path, ...]:
    """Every file that is in the repository, or would be after `git add .`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - whichever git is here
        cwd=repository,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = (repository / name for name in listed.split("\0") if name)
    return tuple(sorted({path for path in paths if path.is_file()}))


@pytest.fixture(scope="session")
def texts(files: tuple[Path, ...]) -> dict[Path, str]:
    """The files that are text."""
    found = {}
    for path in files:
        content = path.read_bytes()
        if b"\0" not in content:
            found[path] = content.decode()
    return found


@pytest.fixture(scope="session")
def template(repository: Path) -> dict[str, Any]:
    """The deployment template."""
    document: dict[str, Any] = json.loads((repository / "deployment.template.json").read_text())
    return document


@pytest.fixture(scope="session")
def public_schemas(request: pytest.FixtureRequest) -> Path:
    """The folder of Microsoft's and CloudEvents' JSON Schemas, as published; not part of the repository."""
    named = os.environ.get("STOREFLOW_SCHEMAS")
    folder = Path(named) if named else request.getfixturevalue("eval_data").parent / "schemas"
    if not (folder / "cloudevents-1.0.json").is_file():
        skip_or_fail(f"no public schemas in {folder}: set STOREFLOW_SCHEMAS")
    return folder


@pytest.fixture(scope="session")
def tables() -> Tables:
    """Reads the tables of a page: a list of rows each, by the words of the heading."""
    return _tables


def _tables(text: str) -> list[list[Row]]:
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        heading, _, *rows = ([cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines())
        found.append([dict(zip((cell.strip("`") for cell in heading), row, strict=True)) for row in rows])
    return found
