"""What every test may ask for."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def skip_or_fail(reason: str) -> None:
    """Skip with a reason, or fail with it where `STOREFLOW_NO_SKIP=1` forbids a skip (as in CI)."""
    if os.environ.get("STOREFLOW_NO_SKIP") == "1":
        pytest.fail(f"{reason} (STOREFLOW_NO_SKIP=1)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The folder of evaluation footage, models and truth; not part of the repository."""
    folder = Path(os.environ.get("STOREFLOW_EVAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "MANIFEST.md").is_file():
        skip_or_fail(f"no evaluation data in {folder}: set STOREFLOW_EVAL_DATA")
    return folder
