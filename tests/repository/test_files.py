import re
from pathlib import Path

import pytest

from tests.conftest import LONGEST_FIRST

MAX_LINES = 500
VOCABULARY = ("events/*", "section", "layout", "twins", "telemetry", "spatial_analysis")
"""What may be said and set, in storeflow/contract: docs/adr/0004-a-budget-for-machinery-not-for-words.md."""
NOT_FOR_READING = {"requirements.lock", "requirements-dev.lock"}
NOT_HERE = {
    "an address or option of a package index": r"pypi\.|pythonhosted|--(?:extra-)?index-url",
    "a path of one machine": r"(?<![\w.~}$])/(?:home|Users|work|mnt)/\w",
    "work that was put off": r"\b(?:TODO|FIXME|XXX|HACK)\b",
    "an unresolved conflict": r"^(?:<{7}|>{7}) ",
}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def vocabulary(package: Path) -> set[Path]:
    found = [list(package.glob(f"contract/{name}.py")) for name in VOCABULARY]
    assert all(found)
    return {path for paths in found for path in paths}


def test_no_file_is_too_long_to_read(texts: dict[Path, str]) -> None:
    too_long = {
        path.name: len(text.splitlines())
        for path, text in texts.items()
        if path.name not in NOT_FOR_READING and path.suffix != ".json" and len(text.splitlines()) > MAX_LINES
    }
    assert too_long == {}


def test_every_module_is_seen_at_a_glance(repository: Path) -> None:
    modules = sorted((repository / "modules").glob("*/module.py"))
    assert len(modules) == 4
    assert {path.parent.name: lines(path) for path in modules if lines(path) > 150} == {}
    mains = [path.with_name("__main__.py") for path in modules]
    assert {path.parent.name: lines(path) for path in mains if lines(path) > 20} == {}


def test_every_module_has_a_page(repository: Path) -> None:
    folders = [path.parent for path in (repository / "modules").glob("*/module.py")]
    assert [folder.name for folder in folders if not (folder / "README.md").is_file()] == []


def test_contract_host_and_transport_stay_small(repository: Path) -> None:
    package = repository / "storeflow"
    hosting = package / "host" / "host.py"
    machinery = {*package.glob("contract/**/*.py"), hosting, *package.glob("transport/*.py")} - vocabulary(package)
    around = {*package.glob("host/*.py"), *package.glob("observability/*.py")} - machinery
    beside = {path.stem: lines(path) for path in sorted(around) if path.stem != "__init__"}
    listed = ", ".join(f"{name} {count}" for name, count in beside.items())
    total = sum(map(lines, machinery))
    assert total <= 1500, f"{total} lines; beside them the host has {sum(beside.values())}: {listed}"


def test_the_vocabulary_is_read_in_pieces(repository: Path) -> None:
    assert {path.name: lines(path) for path in vocabulary(repository / "storeflow") if lines(path) > 200} == {}


@pytest.mark.parametrize("what", NOT_HERE)
def test_no_file_has(what: str, texts: dict[Path, str], repository: Path) -> None:
    pattern = re.compile(NOT_HERE[what], re.MULTILINE)
    found = [
        f"{path.relative_to(repository)}: {match[0]}"
        for path, text in texts.items()
        for match in [pattern.search(text)]
        if match and path != Path(__file__)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("an address or option of a package index", "pip install --index-url https://"),
        ("a path of one machine", 'open("/home/me/clip.mp4")'),
        ("work that was put off", "# TODO: later"),
        ("an unresolved conflict", "a\n<<<<<<< HEAD\n"),
    ],
)
def test_the_search_finds_what_it_looks_for(what: str, text: str) -> None:
    assert re.search(NOT_HERE[what], text, re.MULTILINE)


def test_a_commit_fetches_nothing_and_is_checked_by_the_tools_of_make_check(repository: Path) -> None:
    hooks = (repository / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (.*)", hooks) == ["local"]
    commands = re.findall(r"entry: \.venv/bin/(\w+(?: \w+)?)", hooks)
    assert commands == ["ruff format", "ruff check", "mypy"]
    makefile = (repository / "Makefile").read_text()
    assert [command for command in commands if f"$(BIN)/{command}" not in makefile] == []


def test_make_help_lists_every_target(repository: Path) -> None:
    makefile = (repository / "Makefile").read_text()
    (targets,) = re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    assert {"help", *re.findall(r"^# make (\w+)", makefile, re.MULTILINE)} == set(targets.split())


def test_every_module_calls_its_logger_by_one_name(texts: dict[Path, str], repository: Path) -> None:
    others = {
        f"{path.relative_to(repository)}: {name}"
        for path, text in texts.items()
        if path.suffix == ".py"
        for name in re.findall(r"^(\w+) = logging\.getLogger\(__name__\)", text, re.MULTILINE)
        if name != "LOG"
    }
    assert others == set()


def test_the_files_that_tests_begin_with_exist(repository: Path) -> None:
    assert [path for path in LONGEST_FIRST if not (repository / path).is_file()] == []
