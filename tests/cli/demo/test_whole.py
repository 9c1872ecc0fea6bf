"""`make run` as it is typed, at four times life: from a rendered film to tables that say what was rendered.

It starts all of its cloud itself, as for any user: neither `STOREFLOW_EVENT_HUBS` nor `STOREFLOW_STORAGE` is asked.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable

from storeflow.cli.demo.lake import true_figures


@pytest.mark.usefixtures("azurite_installed")
def test_the_sample_store_ends_in_a_lake_that_says_what_was_rendered(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("run")  # not tmp_path: a socket's path has at most 107 bytes
    command = [sys.executable, "-m", "storeflow", "demo", "--speed", "4", "--out", str(out)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=240, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stdout + done.stderr + _logs(out)

    lake = json.loads((out / "lake.json").read_text())
    assert lake["equal"] is True
    assert lake["edge"] == lake["lake"] == lake["truth"]
    assert lake["truth"] == true_figures(json.loads((out / "sample" / "truth.json").read_text()))
    events = [json.loads(line) for line in (out / "events.ndjson").read_text().splitlines()]
    assert lake["events"] == {"edge": len(events), "lake": len(events), "lake_alone": 0}

    copied = DeltaTable(out / "lake" / "silver" / "events").to_pyarrow_table()
    assert sorted(copied["id"].to_pylist()) == sorted(event["id"] for event in events)
    footfall = DeltaTable(out / "lake" / "gold" / "fact_footfall_15m").to_pyarrow_table()
    assert sum(footfall["in_net"].to_pylist()) == lake["truth"]["lines"]["entrance"]["net_in"]

    assert "Up: eventHubs after " in done.stdout
    assert "Every count equals what was rendered." in done.stdout
    assert f"The lake has all {len(events)} events once, and the same counts." in done.stdout
    assert not [line for line in _logs(out).splitlines() if "Traceback" in line], _logs(out)


def _logs(out: Path) -> str:
    files = [*(out / "store" / "logs").glob("*"), *(out / "cloud").rglob("*.log")]
    return "\n".join(f"{os.path.relpath(file, out)}: {file.read_text(errors='replace')[-2000:]}" for file in files)
