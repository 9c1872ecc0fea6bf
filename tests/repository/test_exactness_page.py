"""docs/exactness.md says what came of the run that benchmarks/results keeps."""

import json
from pathlib import Path

from tools.fleet.exactness.mutated import MUTATIONS
from tools.fleet.exactness.report import as_markdown


def test_the_page_has_what_came_of_the_run(repository: Path) -> None:
    kept = json.loads((repository / "benchmarks" / "results" / "exactness.json").read_text())
    page = (repository / "docs" / "exactness.md").read_text()
    assert f"\n\n{as_markdown(kept)}\n\n" in page
    assert (
        f"--events {kept['asked']['events']} --seed {kept['asked']['seed']} --kills {kept['asked']['kills']} " in page
    )
    assert f"--mutate {' | '.join(MUTATIONS)}\n" in page


def test_the_run_was_exact_and_of_a_million(repository: Path) -> None:
    kept = json.loads((repository / "benchmarks" / "results" / "exactness.json").read_text())
    assert kept["exact"], kept["faults"]
    assert kept["counts"]["events"] == kept["counts"]["rows of silver"] >= 1_000_000
    assert sum(kept["kills"].values()) == kept["asked"]["kills"]
