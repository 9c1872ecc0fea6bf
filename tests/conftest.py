"""What every test may ask for."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


LONGEST_FIRST = (
    "tests/system/test_kill_nine.py",
    "tests/tools/images/test_proof.py",
    "tests/transport/test_sdk_traps.py",
    "tests/host/test_kill_nine.py",
    "tests/cli/count/test_command.py",
    "tests/tools/test_hard_cases.py",
    "tests/system/test_one_store.py",
    "tests/tools/soak/test_memory.py",
    "tests/live/test_live_cameras.py",
    "tests/system/test_twin_edits.py",
    "tests/transport/test_edge_hub.py",
)
"""Each takes a worker of pytest-xdist half a minute or more: begun last, it would be what all others wait for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    order = {REPOSITORY / path: place for place, path in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


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
