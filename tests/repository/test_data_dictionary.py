import importlib
import pkgutil
from pathlib import Path

import pyarrow as pa
import pytest

import cloud_functions.lake
from cloud_functions.lake.gold.windows import Fact
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import TableForm
from examples.lake import PLACES
from tools.data_dictionary.page import TABLES, described, page
from tools.data_dictionary.words import ABOUT, KEYS, OF_TABLE

THE_SOFTWARES_OWN = {"silver/files", "gold/days_due"}
"""Tables that no reader asks."""


def forms() -> dict[str, TableForm]:
    """Every table that the code writes."""
    found = {}
    for module in pkgutil.walk_packages(cloud_functions.lake.__path__, "cloud_functions.lake."):
        for value in vars(importlib.import_module(module.name)).values():
            form = value.form if isinstance(value, Fact) else value
            if isinstance(form, TableForm):
                found[form.name] = form
    return found


def test_the_page_is_that_of_today(repository: Path) -> None:
    text = (repository / "docs" / "data-dictionary.md").read_text()
    assert text == page(), "run `python -m tools.data_dictionary` and commit what it wrote"


def test_every_table_that_is_written_is_on_the_page_and_can_be_asked() -> None:
    names = {form.name for form in TABLES}
    assert names == set(forms()) - THE_SOFTWARES_OWN
    assert set(PLACES.values()) == names
    assert set(ABOUT) == names


@pytest.mark.parametrize("form", TABLES, ids=lambda form: form.name)
def test_every_column_is_described(form: TableForm) -> None:
    assert [name for name in form.columns.names if name not in described(form)] == []


def test_nothing_is_described_that_is_not_there() -> None:
    columns = {form.name: set(form.columns.names) for form in TABLES}
    assert {table: words.keys() - columns[table] for table, words in OF_TABLE.items()} == {
        table: set() for table in OF_TABLE
    }
    assert KEYS.keys() <= set().union(*(names for table, names in columns.items() if table != EVENTS.name))


@pytest.mark.parametrize("form", [form for form in TABLES if "/fact_" in form.name], ids=lambda form: form.name)
def test_every_number_of_a_fact_says_over_what_it_adds_up(form: TableForm) -> None:
    no_figures = {"config_version", "utc_offset_minutes", "final_mask"}
    numbers = [field.name for field in form.columns if field.type in {pa.int64(), pa.float64()}]
    words = described(form)
    assert [name for name in numbers if name not in no_figures and not words[name].adds_up_over] == []


def test_what_tells_of_one_person_is_in_silver_alone() -> None:
    marked = {
        form.name: [
            field.name for field in form.columns if (field.metadata or {}).get(b"x-privacy", b"none") != b"none"
        ]
        for form in TABLES
    }
    assert [name for name, columns in marked.items() if columns] == [EVENTS.name]
    assert {"track_id", "position", "captured_at"} <= set(marked[EVENTS.name])
