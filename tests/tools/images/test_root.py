import os
from pathlib import Path

import pytest

from storeflow.errors import StoreflowError
from tools.images.root import build_root, keep_only, link_copies, remove_scripts


def tree(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_of_our_own_code_an_image_keeps_its_module_and_what_modules_share(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "storeflow/host/host.py",
        "storeflow/__main__.py",
        "storeflow/cli/main.py",
        "storeflow/iot_hub/client.py",
        "storeflow/sample_store/film.py",
        "modules/__init__.py",
        "modules/inference/module.py",
        "modules/zone_analytics/module.py",
        "local_azure/edge_hub/hub.py",
        "pydantic/main.py",
    )
    keep_only("inference", tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py")}
    assert left == {"storeflow/host/host.py", "modules/__init__.py", "modules/inference/module.py", "pydantic/main.py"}


def test_python_is_the_only_command_that_is_left(tmp_path: Path) -> None:
    tree(tmp_path, *(f"bin/{name}" for name in ("python", "python3", "python3.11", "storeflow", "numpy-config", "pip")))
    tree(tmp_path, "include/python3.11/greenlet.h")
    remove_scripts(tmp_path)
    assert {path.name for path in (tmp_path / "bin").iterdir()} == {"python", "python3", "python3.11"}
    assert not (tmp_path / "include").exists()


def test_of_large_libraries_that_are_the_same_one_is_kept_under_all_names(tmp_path: Path) -> None:
    library, other = os.urandom(200_000), os.urandom(200_000)
    for name, content in (("liba.so", library), ("liba.so.2", library), ("libb.so", other), ("libc.so", b"small")):
        (tmp_path / name).write_bytes(content)
    link_copies(tmp_path)
    inodes = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert inodes["liba.so"] == inodes["liba.so.2"]
    assert len(set(inodes.values())) == 3
    assert (tmp_path / "liba.so.2").read_bytes() == library


def test_a_module_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreflowError, match="modules/till: there is no such module"):
        build_root("till", tmp_path / "root", tools=tmp_path, wheel=tmp_path)
