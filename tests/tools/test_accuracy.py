from pathlib import Path

from tools.accuracy import FAULTS_INTRODUCTION, INTRODUCTION, VISITS_INTRODUCTION


def test_the_page_explains_its_tables_in_the_words_of_the_tool(repository: Path) -> None:
    page = (repository / "docs" / "accuracy.md").read_text()
    assert page.startswith(INTRODUCTION)
    assert f"\n{VISITS_INTRODUCTION}\n|" in page
    assert f"\n{FAULTS_INTRODUCTION}\n|" in page
