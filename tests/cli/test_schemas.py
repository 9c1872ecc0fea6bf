from pathlib import Path

from storeflow.cli import asyncapi
from storeflow.cli.main import main
from storeflow.contract.schema import schema_files


def today() -> dict[str, str]:
    return schema_files() | {asyncapi.FILE: asyncapi.asyncapi_text()}


def test_the_committed_schemas_are_those_of_today(repository: Path) -> None:
    committed = {path.name: path.read_text() for path in (repository / "schemas" / "v1").iterdir()}
    assert committed == today(), "run `make schemas` and commit what it wrote"


def test_the_command_replaces_its_own_files_and_no_others(tmp_path: Path) -> None:
    for name in ("storeflow.line.gone.json", "twin.gone.json", "package.json"):
        (tmp_path / name).write_text("{}")
    assert main(["schemas", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {*today(), "package.json"}
    assert {name: (tmp_path / name).read_text() for name in today()} == today()
