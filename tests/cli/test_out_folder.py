import errno
from pathlib import Path

import pytest

from storeflow.cli.out_folder import make_folder_of_results, naming
from storeflow.errors import ConfigError


@pytest.mark.parametrize(("named", "told"), [(None, "summary.json"), ("other.json", "other.json")])
def test_an_error_of_the_disk_names_the_file_and_keeps_a_name_that_it_has(
    named: str | None, told: str, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="No space left") as caught, naming(tmp_path / "summary.json"):
        raise OSError(errno.ENOSPC, "No space left on device", named)
    assert Path(caught.value.filename).name == told
    assert caught.value.errno == errno.ENOSPC


def test_a_folder_of_anything_else_is_no_folder_of_results(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    make_folder_of_results(tmp_path, overwrite=False)
    (tmp_path / "events.ndjson").touch()
    with pytest.raises(ConfigError, match=r"has the events\.ndjson of an earlier run"):
        make_folder_of_results(tmp_path, overwrite=False)
    make_folder_of_results(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
