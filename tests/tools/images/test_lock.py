import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.images import lock


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """What uv would have been asked."""
    found: list[tuple[tuple[str, ...], dict[str, Any]]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **options: found.append((tuple(command), options)))
    return found


def test_every_lock_of_the_repository_is_written(
    calls: list[tuple[tuple[str, ...], dict[str, Any]]], repository: Path
) -> None:
    lock.main()
    written = [command[command.index("--output-file") + 1] for command, _ in calls]
    assert sorted(written) == sorted(
        str(path.relative_to(repository))
        for pattern in ("*.lock", "modules/*/*.lock", "cloud_functions/*.lock", "tools/images/*.lock")
        for path in repository.glob(pattern)
    )
    assert written[0] == lock.LOCK
    for command, options in calls:
        assert {"--universal", "--generate-hashes", "--no-header"} <= set(command)
        assert options["check"]
        assert options["cwd"] == repository


def test_what_is_a_part_of_the_first_lock_or_more_than_it_has_its_versions(
    calls: list[tuple[tuple[str, ...], dict[str, Any]]],
) -> None:
    lock.main()
    first, *others, build_tools = (command for command, _ in calls)
    assert "--constraint" not in {*first, *build_tools}
    assert all(command[command.index("--constraint") + 1] == lock.LOCK for command in others)


def test_what_compiles_wheels_is_what_the_project_asks_for_and_pyavs_compiler(
    calls: list[tuple[tuple[str, ...], dict[str, Any]]],
) -> None:
    lock.lock_build_tools()
    ((_, options),) = calls
    assert options["input"].splitlines() == ["setuptools>=77", "cython>=3.1,<4"]
