import json
from pathlib import Path

import pytest

from storeflow.errors import StoreflowError
from tools.images.proof import Proof
from tools.images.sizes import document, measure, read_table, table, write_into, written

PAGE = "# Page\n<!-- written by python -m tools.images --write -->\nold\n<!-- end -->\nrest\n"


def root(folder: Path) -> Path:
    packages = folder / "lib" / "python3.11" / "site-packages"
    for name, size in (("heavy", 3_000_000), ("light", 1_000)):
        info = packages / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text(f"{name}/__init__.py,,\n../../../bin/{name},,\n")
        (packages / name).mkdir()
        (packages / name / "__init__.py").write_bytes(b"#" * size)
    (packages / "heavy" / "again.py").hardlink_to(packages / "heavy" / "__init__.py")
    return folder


def test_a_file_with_two_names_takes_its_place_once(tmp_path: Path) -> None:
    size = measure("inference", root(tmp_path))
    assert size.largest() == [("heavy", 3_000_000), ("light", 1_000)]
    assert size.largest(1) == [("heavy", 3_000_000)]
    assert 3_001_000 < size.total < 3_002_000


def test_the_table_in_a_page_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    size = measure("inference", root(tmp_path))
    proofs = [Proof("inference", 1.44, 0.36, 216.6, ("/data/outbox.db",))]
    measured = document([size], proofs, machine="2 x x86_64", day="2026-11-20", python="3.11.7")
    assert table(json.loads(written(measured))) == table(measured)
    rows = table(measured)
    assert rows[-1] == "| inference | 3.0 | heavy 3.0, light 0.0 | 1.4 s | 0.4 s | 217 MB |"
    page = write_into(PAGE, rows)
    assert read_table(page) == rows
    assert (page.startswith("# Page\n"), page.endswith("<!-- end -->\nrest\n"), "old" in page) == (True, True, False)
    assert write_into(page, rows) == page


def test_a_page_without_a_place_for_the_table_is_told() -> None:
    with pytest.raises(StoreflowError, match="the page has no <!-- written by"):
        write_into("# Page\n", ["row"])
