import hashlib
from pathlib import Path
from typing import Any

import pytest

from modules.inference.model_card import load_card

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path for path in (REPOSITORY / "models").glob("*/*") if path.is_dir())
MOST_BYTES = 4 * 1024 * 1024


def test_there_are_models_for_people_and_for_vehicles() -> None:
    assert {folder.parent.name for folder in FOLDERS} == {"person", "vehicle"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_every_model_has_a_card_a_sha256_a_licence_and_a_page(folder: Path) -> None:
    card = load_card(folder)
    assert len(set(card.model.sha256)) > 1, "the sha256 of no file at all"
    assert card.model.licence
    assert (folder / "LICENSE").stat().st_size > 500
    page = (folder / "README.md").read_text()
    assert "## What it sees and what it does not" in page


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_weights_in_the_repository_are_those_of_the_card_and_small(folder: Path, files: tuple[Path, ...]) -> None:
    weights = [path for path in files if path.suffix == ".onnx" and path.is_relative_to(folder)]
    card = load_card(folder)
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in weights}
    assert found in ({}, {card.model.file: card.model.sha256})
    assert all(path.stat().st_size < MOST_BYTES for path in weights)


def test_the_demo_needs_no_weights_from_elsewhere(files: tuple[Path, ...], template: dict[str, Any]) -> None:
    models = template["modulesContent"]["inference"]["properties.desired"]["models"]
    folders = [REPOSITORY / "models" / task / model["name"] for task, model in models.items()]
    assert [folder.name for folder in folders if folder / load_card(folder).model.file not in files] == []
