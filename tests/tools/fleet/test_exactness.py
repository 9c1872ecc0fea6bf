"""The whole chain under kill -9, small: gold is the truth; and without a safeguard of the product it is not.

It kills its Event Hubs and its storage, so neither `STOREFLOW_EVENT_HUBS` nor `STOREFLOW_STORAGE` names another.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.fleet.exactness.kills import VICTIMS
from tools.fleet.exactness.mutated import MUTATIONS


def exactness(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command; what it prints is wide enough not to be broken into lines."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "tools.fleet", "exactness", "--stores=2", "--cameras=2", "--days=2", *arguments],
        cwd=repository,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("azurite_installed")
def test_gold_is_the_truth_whoever_is_killed_with_work_in_flight(repository: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    limits = ("--feed-seconds=20", "--refine-seconds=8", "--patience=40")
    ended = exactness(repository, "--events=4000", "--kills=4", *limits, f"--keep={kept}")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    kills = re.findall(r"^ *([\d.]+) s +(\D+?) +([\d,]+) ", ended.stdout, re.MULTILINE)
    assert sorted(victim for _, victim, _ in kills) == sorted(VICTIMS)
    assert all(int(number.replace(",", "")) > 0 for _, _, number in kills)
    assert "gold is the truth in all figures" in ended.stdout
    assert not re.search("DIFFERS|FAULTS", ended.stdout)
    told = re.findall(r"^\d+ s: kill -9 of (.+?), in flight", ended.stderr, re.MULTILINE)
    assert told == [victim for _, victim, _ in kills], "what goes on is told as it does, also where no bar can be drawn"
    assert re.search(r"^\d+ s: late ones refined$", ended.stderr, re.MULTILINE)
    found = json.loads(kept.read_text())
    assert (found["exact"], found["kills"]) == (True, dict.fromkeys(sorted(VICTIMS), 1))


@pytest.mark.usefixtures("azurite_installed")
@pytest.mark.parametrize(
    ("mutation", "patience", "fault"),
    [
        ("dedupe", 40, r"silver has [\d,]+ events more than once"),
        ("watermark", 40, r"silver has [\d,]+ events of [\d,]+"),
        ("outbox_delete", 10, r"in the event hub: no progress for \d+ s"),
    ],
)
def test_without_a_safeguard_the_same_run_ends_badly(
    repository: Path, mutation: str, patience: int, fault: str
) -> None:
    ended = exactness(
        repository,
        "--stores=1",
        "--cameras=1",
        "--events=1500",
        "--kills=0",
        "--refine-seconds=2",
        f"--patience={patience}",
        f"--mutate={mutation}",
    )

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert re.search(fault, ended.stdout), ended.stdout + ended.stderr
    assert "FAULTS" in ended.stdout


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_what_a_mutation_changes_is_still_there(repository: Path, name: str) -> None:
    mutation = MUTATIONS[name]
    assert (repository / mutation.file).read_text().count(mutation.text) == 1
