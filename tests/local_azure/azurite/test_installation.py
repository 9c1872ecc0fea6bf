import json
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_azure.azurite import installation
from local_azure.azurite.installation import LOCK, MAIN, PACKAGE, install
from local_azure.azurite.node import Node, find_node
from storeflow.errors import StorageError

NPM = """
import pathlib, sys, time
with open({calls!r}, "a") as calls:
    print(pathlib.Path.cwd(), file=calls)
time.sleep(0.3)
if {status} == 0:
    main = pathlib.Path({main!r})
    main.parent.mkdir(parents=True)
    main.write_text("azurite")
sys.exit({status})
"""

Npm = Callable[..., Node]


@pytest.fixture
def npm(tmp_path: Path) -> Npm:
    """A Node whose npm writes down each call of it, and puts one file where Azurite's program would be."""

    def make(status: int = 0) -> Node:
        text = NPM.format(calls=str(tmp_path / "calls"), main=MAIN, status=status)
        return Node("node", (sys.executable, "-c", text))

    return make


def test_every_package_is_locked_by_its_hash_and_none_by_an_address() -> None:
    packages = {name: package for name, package in json.loads(LOCK.read_text())["packages"].items() if name}
    assert len(packages) > 100
    assert {name for name, package in packages.items() if not package["integrity"].startswith("sha512-")} == set()
    assert {name for name, package in packages.items() if "resolved" in package} == set()


def test_the_lock_is_of_the_version_that_is_asked_for() -> None:
    assert json.loads(PACKAGE.read_text())["dependencies"] == {"azurite": installation.version()}


def test_who_comes_while_another_fetches_waits_and_takes_the_same(npm: Npm, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        mains = list(pool.map(lambda _: install(npm(), tmp_path / "cache"), range(3)))
    assert len(set(mains)) == 1
    assert mains[0].read_text() == "azurite"
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


def test_what_a_fetch_that_was_cut_short_left_is_replaced(npm: Npm, tmp_path: Path) -> None:
    folder = install(npm(), tmp_path / "cache").parents[4]
    assert folder.name.startswith("azurite-")
    shutil.move(folder, folder.with_suffix(".partial"))
    folder.with_suffix(".partial").joinpath("half a package").touch()
    install(npm(), tmp_path / "cache")
    assert len((tmp_path / "calls").read_text().splitlines()) == 2
    assert not (folder / "half a package").exists()


def test_a_fetch_that_failed_counts_as_none(npm: Npm, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="npm could not fetch Azurite"):
        install(npm(status=1), tmp_path / "cache")
    assert install(npm(), tmp_path / "cache").is_file()


def test_a_registry_out_of_reach_is_named_as_the_reason(
    azurite_installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del azurite_installed
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(StorageError, match=r"is the registry within reach\?.*ECONNREFUSED"):
        install(find_node(), tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named(npm: Npm, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(StorageError, match=r"cannot be kept in .*cache"):
        install(npm(), tmp_path / "cache")
