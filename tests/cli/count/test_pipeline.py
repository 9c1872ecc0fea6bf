import os
from pathlib import Path

import pytest

from storeflow.cli.count.pipeline import configured_model, local_context
from storeflow.contract.twins import Model
from storeflow.errors import ConfigError
from storeflow.host.environment import CARDS_FOLDER


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


def test_weights_are_looked_for_where_the_container_would_and_then_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("STOREFLOW_EVAL_DATA", str(tmp_path / "data"))
    others = (tmp_path / "cache" / "storeflow" / "models", tmp_path / "data" / "models")
    monkeypatch.setenv("STOREFLOW_MODEL_PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}:")
    assert local_context(tmp_path, tmp_path).model_folders == (tmp_path / "a", tmp_path / "b", *others)
    monkeypatch.delenv("STOREFLOW_MODEL_PATH")
    assert local_context(tmp_path, tmp_path).model_folders == others


def test_the_command_line_looks_for_cards_beside_the_modules(tmp_path: Path, repository: Path) -> None:
    assert local_context(tmp_path, tmp_path).cards_folder == CARDS_FOLDER == repository / "models"
