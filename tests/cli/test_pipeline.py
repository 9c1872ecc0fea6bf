import os
from pathlib import Path

import pytest

from storeflow.cli.pipeline import configured_model, local_context
from storeflow.contract.twins import Model
from storeflow.environment import CARDS_FOLDER
from storeflow.errors import ConfigError


def test_a_model_folder_is_a_folder_of_cards_a_task_and_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "cards" / "vehicle" / "lorries"
    folder.mkdir(parents=True)
    (folder / "model.toml").touch()
    before = dict(os.environ)

    assert configured_model(folder) == (tmp_path / "cards", {"vehicle": Model(name="lorries")})
    assert dict(os.environ) == before, "who plays a second clip would look for its model there"


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--model .*: there is no model\.toml"):
        configured_model(tmp_path)


def test_the_command_line_looks_for_cards_beside_the_modules(tmp_path: Path, repository: Path) -> None:
    assert local_context(tmp_path, tmp_path).cards_folder == CARDS_FOLDER == repository / "models"
