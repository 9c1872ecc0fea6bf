import json
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from storeflow.errors import StoreflowError
from tools.images.proof import Proof
from tools.images.root import site_packages
from tools.images.sizes import document, measure, read_table, table, write_into, written

PAGE = "# Page\n<!-- written by python -m tools.images --write -->\nold\n<!-- end -->\nrest\n"


def root(folder: Path) -> Path:
    packages = folder / "lib" / "python3.11" / "site-packages"
    for name, size in (("heavy", 3_000_000), ("light", 1_000)):
        info = packages / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        inside = ("module.py", "again.py")
        (info / "RECORD").write_text("".join(f"shared/{name}/{file},,\n" for file in (*inside, "../../../../bin/x")))
        own = packages / "shared" / name
        own.mkdir(parents=True)
        (own / "module.py").write_bytes(b"#" * size)
        (own / "again.py").hardlink_to(own / "module.py")
    return folder


def test_a_package_has_its_own_part_of_a_shared_folder_and_a_file_with_two_names_once(tmp_path: Path) -> None:
    size = measure("inference", root(tmp_path))
    assert size.largest() == [("heavy", 3_000_000), ("light", 1_000)]
    assert size.largest(1) == [("heavy", 3_000_000)]
    assert 3_001_000 < size.total < 3_002_000


def test_what_was_compiled_of_a_package_is_a_part_of_it(tmp_path: Path) -> None:
    packages = site_packages(root(tmp_path))
    compiled = Path(cache_from_source(str(packages / "shared" / "light" / "module.py")))
    compiled.parent.mkdir()
    compiled.write_bytes(b"#" * 500)
    assert measure("inference", tmp_path).packages == {"heavy": 3_000_000, "light": 1_500}


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
