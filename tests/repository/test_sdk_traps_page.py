import re
from collections.abc import Callable
from pathlib import Path

import pytest

Row = dict[str, str]
Tables = Callable[[str], list[list[Row]]]


@pytest.fixture(scope="module")
def rows(repository: Path, tables: Tables) -> list[Row]:
    return [row for table in tables((repository / "docs" / "sdk-traps.md").read_text()) for row in table]


def names(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_situation_is_on_the_page_and_none_that_is_not_played(rows: list[Row], repository: Path) -> None:
    listed = [name for row in rows for name in names(row["situation"])]
    script = (repository / "tests" / "transport" / "sdk_traps.py").read_text()
    assert sorted(listed) == sorted(re.findall(r"^@situation\nasync def (\w+)", script, re.MULTILINE))
    played = re.search(r"^SITUATIONS = \((.*?)^\)", _test(repository), re.MULTILINE | re.DOTALL)
    assert played is not None
    assert sorted(listed) == sorted(re.findall(r'"(\w+)"', played[1]))


def test_every_mutation_is_on_the_page_beside_the_situation_that_is_lost_without_it(
    rows: list[Row], repository: Path
) -> None:
    listed = {(name, *names(row["situation"])) for row in rows for name in names(row["red without it"])}
    assert listed == set(re.findall(r'^    "(\w+)": Mutation\(\s*"(\w+)"', _test(repository), re.MULTILINE))


def test_what_storeflow_does_is_where_the_page_says(rows: list[Row], repository: Path) -> None:
    for row in rows:
        (where,) = names(row["where"])
        file, _, name = where.partition(":")
        assert re.search(rf"^ *(?:async )?(?:def|class) {name}\b", (repository / file).read_text(), re.MULTILINE), where


def test_all_eight_traps_are_there(rows: list[Row]) -> None:
    assert {row["trap"] for row in rows if "trap" in row} == set("12345678")


def _test(repository: Path) -> str:
    return (repository / "tests" / "transport" / "test_sdk_traps.py").read_text()
