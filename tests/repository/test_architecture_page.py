import re
from pathlib import Path

import grimp
import pytest

PACKAGES = ("storeflow", "modules", "cloud_functions", "local_azure", "tools")
Arrows = set[tuple[str, str]]


def room(module: str) -> str | None:
    """The part of the house that a Python module is in; none for `storeflow` itself and its `__main__`."""
    top, *below = module.split(".")
    if top in {"cloud_functions", "local_azure", "tools"}:
        return top
    return below[0] if below and below[0] != "__main__" else None


def imports() -> Arrows:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    arrows = {
        (room(importer), room(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    }
    return {(one, other) for one, other in arrows if one and other and one != other}


def reachable(start: str, arrows: Arrows) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        here = pending.pop()
        for one, other in arrows:
            if one == here and other not in found:
                found.add(other)
                pending.append(other)
    return found


def without_the_implied(arrows: Arrows) -> Arrows:
    """What is left when no arrow repeats a way that leads over others (the transitive reduction)."""
    return {
        (start, end)
        for start, end in arrows
        if not any(end in reachable(via, arrows) for one, via in arrows if one == start and via != end)
    }


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "architecture.md").read_text()


def test_the_house_has_no_way_round_in_circles() -> None:
    arrows = imports()
    assert len({room for arrow in arrows for room in arrow}) > 10
    assert [room for room in sorted({one for one, _ in arrows}) if room in reachable(room, arrows)] == []


def test_the_picture_is_drawn_from_the_imports(page: str) -> None:
    (picture,) = re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL)
    drawn = set(re.findall(r"^\s*(\w+)(?:\[.*?\])? --> (\w+)", picture, re.MULTILINE))
    assert drawn == without_the_implied(imports())


def test_every_file_that_the_page_names_exists(page: str, repository: Path) -> None:
    named = set(re.findall(r"`([\w/.]+\.py)`", page))
    assert len(named) > 15
    there = {str(path.relative_to(repository)) for path in repository.glob("[!.]*/**/*.py")}
    assert sorted(name for name in named if not any(path.endswith(f"/{name}") or path == name for path in there)) == []
