import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.zone_analytics.parameters import DECISIONS
from tools.hard_cases import run
from tools.hard_cases.run import count, frames, perfect_tracks
from tools.hard_cases.situations import SITUATIONS, swaying_on_the_line
from tools.hard_cases.table import SEEDS, failures, page


def test_the_table_in_the_docs_is_what_counting_does_today(repository: Path) -> None:
    wrong = failures(SEEDS, processes=max(2, os.cpu_count() or 1))
    assert [key for key, number in wrong.items() if number and key[1] == "tracks"] == []
    assert page(wrong) == (repository / "docs" / "hard-cases.md").read_text()


def test_several_processes_play_what_one_plays_in_the_same_order() -> None:
    told: list[list[str]] = [[], []]
    found = [failures(1, ("tracks",), names.append, processes=n) for n, names in enumerate(told, start=1)]
    assert [*found[0].items()] == [*found[1].items()]
    assert len(found[0]) == len(SITUATIONS) * len(run.FRAME_RATES) * len(run.DROP_RATES)
    assert told[0] == told[1] == [make(np.random.default_rng(0)).name for make in SITUATIONS]


def test_other_seeds_are_other_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "DECISIONS", replace(DECISIONS, near=0.0, far=1e-9, settle_seconds=0.0))
    first, second, both = (
        failures(seeds, ("tracks",), first_seed=first_seed) for seeds, first_seed in ((1, 6), (1, 7), (2, 6))
    )
    assert first != second
    assert +(first + second) == +both


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({"near": 0.0, "far": 1e-9, "settle_seconds": 0.0}, "20 s swaying on the line, leaves same side"),
        ({"stitch_seconds": 0.0}, "id switch at the line"),
        ({"edge_strip": 0.0}, "line 10 px from the frame edge"),
        ({"u_turn_seconds": 0.0}, "U-turn"),
    ],
    ids=lambda value: value if isinstance(value, str) else "without",
)
def test_every_rule_is_what_makes_its_row_right(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], broken: str
) -> None:
    monkeypatch.setattr(run, "DECISIONS", replace(DECISIONS, **change))
    wrong = failures(seeds=3, followers=("tracks",))
    assert sum(number for (name, *_), number in wrong.items() if name == broken) > 0


def test_the_situations_are_hard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that trusts every change of side counts one swaying person dozens of times."""
    monkeypatch.setattr(run, "DECISIONS", replace(DECISIONS, near=0.0, far=1e-9, settle_seconds=0.0))
    rng = np.random.default_rng(0)
    situation = swaying_on_the_line(rng)
    _, (counted_in, counted_out), _ = count(situation, frames(situation, 25, 0.0, rng), perfect_tracks)
    assert counted_in + counted_out > 40


def test_every_situation_has_a_name_of_its_own() -> None:
    names = [make(np.random.default_rng(0)).name for make in SITUATIONS]
    assert len(set(names)) == len(SITUATIONS) == 10
