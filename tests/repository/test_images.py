"""What the images are made of, as far as it can be read: their Dockerfiles, locks and module.json."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from storeflow.cli.twin.lint import MODULES
from tools.images.dockerfile import Image, instructions, last_stage, read_image
from tools.images.lock import BUILD_LOCK, LOCK
from tools.images.root import BUILD_LOCK as USED_BUILD_LOCK
from tools.images.root import INSTALLED_AT, SOURCES
from tools.images.sizes import read_table, table

BASE = "${PYTHON_IMAGE}"


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def folder(repository: Path, module: str) -> Path:
    return repository / "modules" / module


@pytest.fixture
def description(folder: Path) -> dict[str, Any]:
    """`module.json`."""
    document: dict[str, Any] = json.loads((folder / "module.json").read_text())
    return document


@pytest.fixture
def image(folder: Path) -> Image:
    return read_image(folder / "Dockerfile")


@pytest.fixture
def dockerfile(folder: Path) -> list[tuple[str, str]]:
    return instructions((folder / "Dockerfile").read_text())


@pytest.fixture(scope="module")
def version(repository: Path) -> str:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def entries(lock: str) -> set[str]:
    """Every pin of a lock with its hashes, on one line."""
    text = re.sub(r"\s*\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", lock, flags=re.MULTILINE))
    return set(text.splitlines())


def test_a_module_says_how_its_image_is_built(description: dict[str, Any], folder: Path, module: str) -> None:
    image = description["image"]
    assert description.keys() == {"$schema-version", "description", "image", "language"}
    assert (description["$schema-version"], description["language"]) == ("0.0.1", "python")
    assert image.keys() == {"repository", "tag", "buildOptions", "contextPath"}
    assert image["repository"] == f"${{CONTAINER_REGISTRY_SERVER}}/storeflow/{module}"
    assert (folder / image["contextPath"]).resolve() == folder.parents[1].resolve()
    assert {platform: (folder / path).resolve() for platform, path in image["tag"]["platforms"].items()} == {
        "amd64": (folder / "Dockerfile").resolve()
    }


def test_images_have_the_version_of_the_project(
    description: dict[str, Any], dockerfile: list[tuple[str, str]], version: str
) -> None:
    assert description["image"]["tag"]["version"] == version
    assert ("ARG", f"VERSION={version}") in dockerfile


def test_an_image_runs_its_module_as_the_user_of_the_template(
    image: Image, module: str, template: dict[str, Any]
) -> None:
    modules = template["modulesContent"]["$edgeAgent"]["properties.desired"]["modules"]
    assert image.user == modules[module]["settings"]["createOptions"]["User"]
    assert image.entrypoint == (f"{INSTALLED_AT}/bin/python", "-m", f"modules.{module}")


def test_the_last_stage_takes_what_the_others_built_and_installs_nothing(folder: Path) -> None:
    stage = last_stage((folder / "Dockerfile").read_text())
    assert stage[0] == ("FROM", BASE)
    assert [rest for name, rest in stage if name == "RUN"] == [
        '["python", "-m", "pip", "uninstall", "--yes", "pip", "setuptools", "wheel"]'
    ]
    assert all(rest.startswith("--from=") for name, rest in stage if name == "COPY")
    assert not {name for name, _ in stage} & {"ADD", "VOLUME", "EXPOSE", "CMD", "SHELL"}


def test_every_stage_and_every_download_is_known(dockerfile: list[tuple[str, str]]) -> None:
    stages = {rest.split(" AS ")[1] for name, rest in dockerfile if name == "FROM" and " AS " in rest}
    for name, rest in dockerfile:
        if name == "ADD":
            assert re.match(r"--checksum=sha256:[0-9a-f]{64} +https://", rest), rest
        if name == "FROM":
            assert rest.split(" ")[0] in {BASE, *stages}, rest


def test_an_image_says_what_it_is_and_under_which_licence(dockerfile: list[tuple[str, str]], module: str) -> None:
    (label,) = (rest for name, rest in dockerfile if name == "LABEL")
    names = re.findall(r"org\.opencontainers\.image\.(\w+)=", label)
    assert names == ["title", "description", "licenses", "version", "revision"]
    assert f'title="storeflow {module}"' in label
    lesser = " AND LGPL-2.1-or-later" if module == "video_capture" else ""
    assert f'licenses="Apache-2.0{lesser}"' in label


def test_the_part_of_a_dockerfile_that_is_the_same_for_all_is_the_same(repository: Path) -> None:
    def neutral(name: str) -> str:
        text = (repository / "modules" / name / "Dockerfile").read_text()
        text = text[text.rindex("\nFROM ") :].replace(name, "MODULE")
        text = re.sub(r'(description|licenses)=".*?"', r"\1", text)
        return re.sub(r"(?m)^COPY --from=ffmpeg .*\n|^ +STOREFLOW_MODELS=.*\n", "", text)

    assert len({neutral(name) for name in MODULES}) == 1


def test_an_image_finds_the_cards_that_it_holds(repository: Path) -> None:
    environments = {name: read_image(repository / "modules" / name / "Dockerfile").environment for name in MODULES}
    found = {name: values.get("STOREFLOW_MODELS") for name, values in environments.items()}
    assert found == {**dict.fromkeys(MODULES), "inference": f"{INSTALLED_AT}/models"}


def test_pyav_is_compiled_against_an_ffmpeg_without_gpl_parts(repository: Path) -> None:
    folder = repository / "modules" / "video_capture"
    (root,) = (
        json.loads(rest)
        for name, rest in instructions((folder / "Dockerfile").read_text())
        if name == "RUN" and "tools.images.root" in rest
    )
    assert root[-2:] == ["--from-source", "av"]
    script = (folder / "build_ffmpeg.sh").read_text()
    assert not re.search(r"--enable-(?:gpl|nonfree|version3|encoder|libx)", script)
    assert "LGPL version 2.1 or later" in script


def test_the_context_has_what_the_images_are_made_of_and_no_more(repository: Path, folder: Path) -> None:
    first, *others = [
        line for line in (repository / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert first == "*"
    let_in = {line[1:] for line in others if line.startswith("!")}
    assert let_in == {*SOURCES, "models", "tools"}
    assert (folder / LOCK).is_file()
    assert repository / BUILD_LOCK == USED_BUILD_LOCK


def test_what_makes_wheels_is_pinned_by_hash(repository: Path) -> None:
    found = entries((repository / BUILD_LOCK).read_text())
    assert {entry.split("==")[0] for entry in found} == {"cython", "setuptools"}
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry) for entry in found)


def test_the_sizes_in_the_page_are_those_that_were_measured(repository: Path) -> None:
    measured = json.loads((repository / "benchmarks" / "results" / "images.json").read_text())
    assert set(measured["images"]) == set(MODULES)
    assert read_table((repository / "docs" / "deployment.md").read_text()) == table(measured)
