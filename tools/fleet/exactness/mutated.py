"""The same run with one safeguard taken out of the product: it must not end well."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.mutations.__main__ import REPOSITORY, break_promise
from tools.mutations.mutations import Mutation

_TEST = "tests/tools/fleet/test_exactness.py"
MUTATIONS: Mapping[str, Mutation] = {
    "dedupe": Mutation(
        "an event that silver has is not added again",
        "cloud_functions/lake/silver.py",
        'FROM events WHERE {where}"',
        'FROM events WHERE FALSE AND ({where})"',
        _TEST,
    ),
    "watermark": Mutation(
        "what lands in an hour of which files are refined already is refined as well",
        "cloud_functions/lake/listing.py",
        "_LOOK_BACK_HOURS = 1",
        "_LOOK_BACK_HOURS = -3",
        _TEST,
    ),
    "outbox_delete": Mutation(
        "a row that was delivered is deleted",
        "storeflow/host/outbox.py",
        '"DELETE FROM outbox WHERE id = ?", [(row_id,) for row_id in row_ids]',
        '"DELETE FROM outbox WHERE id = ?", [(-1,) for row_id in row_ids]',
        _TEST,
    ),
}


def run_mutated(name: str, arguments: Sequence[str]) -> int:
    """Make a run in a copy of the tree that has a mutation; its exit status.

    Args:
        name: of the mutation.
        arguments: of `python -m tools.fleet`.
    """
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        tree = Path(folder) / "storeflow"
        leave = shutil.ignore_patterns(".git", ".venv", "run", "*.egg-info", ".*_cache", "__pycache__")
        shutil.copytree(REPOSITORY, tree, ignore=leave)
        break_promise(MUTATIONS[name], tree)
        command = [sys.executable, "-m", "tools.fleet", *arguments]
        return subprocess.run(command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, check=False).returncode  # noqa: S603 - ourselves
