import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storeflow.contract import camera_url
from storeflow.contract.schema import twin_schema
from storeflow.contract.twin_limits import MAX_SECTION_SIZE
from storeflow.contract.twins import SECTION_NAMES, read_section
from storeflow.host.configuration import Configuration
from storeflow.host.delivery import DeliveryTiming
from storeflow.host.environment import context_from
from storeflow.observability import http_address

Row = dict[str, str]
Tables = Callable[[str], list[list[Row]]]
EDGE_AGENT = {"IOTEDGE_IOTHUBHOSTNAME": "h", "IOTEDGE_DEVICEID": "the device id", "IOTEDGE_MODULEID": "<module id>"}


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "configuration.md").read_text()


@pytest.fixture(scope="module")
def variables(page: str, tables: Tables) -> dict[str, str]:
    """Documented environment variables, and their defaults."""
    rows = [row for table in tables(page) for row in table if "variable" in row]
    return {row["variable"].strip("`"): row["default"].strip("`") for row in rows}


def settings(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and default of every setting below a schema, as the page writes them."""
    yield from _settings(schema, schema, "")


def _settings(root: dict[str, Any], node: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    node = {**node, **_resolved(root, node)}
    for child in node.get("oneOf", ()):
        yield from _settings(root, child, path)
    key = "<task>" if "propertyNames" in node else "<id>"
    maps = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    for child in (child for child in maps if isinstance(child, dict)):
        if _is_container(_resolved(root, child)):
            yield from _settings(root, child, f"{path}.{key}")
        else:
            yield f"{path}.{key}", "absent"
    for name, child in node.get("properties", {}).items():
        if _is_container(_resolved(root, child)):
            yield from _settings(root, child, f"{path}.{name}")
        elif name in node.get("required", ()):
            yield f"{path}.{name}", "required"
        else:
            yield f"{path}.{name}", f"`{json.dumps(child['default'])}`" if "default" in child else "absent"


def _resolved(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = root["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    return found


def _is_container(node: dict[str, Any]) -> bool:
    return "oneOf" in node or node.get("type") == "object"


@pytest.mark.parametrize("section", SECTION_NAMES)
def test_every_setting_is_described_with_its_default_and_none_that_there_is_not(
    section: str, page: str, tables: Tables
) -> None:
    rows = [row for table in tables(page) for row in table if "setting" in row]
    described = [(row["setting"].strip("`"), row["default"]) for row in rows]
    expected = {(f"{section}{path}", default) for path, default in settings(twin_schema(section))}
    mine = [(path, default) for path, default in described if path.partition(".")[0] == section]
    assert set(mine) == expected
    assert len(mine) == len(expected)


def test_no_section_is_described_that_there_is_not(page: str, tables: Tables) -> None:
    rows = [row for table in tables(page) for row in table]
    assert {row["setting"].strip("`").partition(".")[0] for row in rows if "setting" in row} == set(SECTION_NAMES)
    listed = [re.sub(r"\[`(.+)`\].*", r"\1", row["section"]) for row in rows if "section" in row]
    assert sorted(listed) == sorted(SECTION_NAMES)


@pytest.mark.parametrize("section", SECTION_NAMES)
def test_the_example_of_a_section_is_taken_by_it(section: str, page: str) -> None:
    (block,) = re.findall(rf"^## {section}\n+```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert read_section(section, json.loads(block))


def test_a_wrong_setting_is_told_as_the_page_says(page: str) -> None:
    (block,) = re.findall(r"properties, as Azure.*?```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    configuration = Configuration(("cameras",), lambda *_: None, lambda *_: None)
    wrong = {"entrance": {"url": "file:door.mp4", "fsp": 10}}
    assert configuration.apply({"$version": 7, "cameras": wrong}) == json.loads(block)


def test_the_page_states_the_limits_of_the_code(page: str) -> None:
    assert f"{MAX_SECTION_SIZE:,} bytes at most" in page
    assert [f"pattern:{name}" for name in camera_url.PATTERNS] == re.findall(r"pattern:\w+", page)


def test_every_environment_variable_is_described_and_none_that_nothing_reads(
    texts: dict[Path, str], repository: Path, variables: dict[str, str], page: str
) -> None:
    python = {path.relative_to(repository): text for path, text in texts.items() if path.suffix == ".py"}
    ours = {name for text in python.values() for name in re.findall(r'"(STOREFLOW_[A-Z_]+)"', text)}
    assert ours == {name for name in variables if name.startswith("STOREFLOW_")}
    product = [text for path, text in python.items() if path.parts[0] in {"storeflow", "modules"}]
    read = r'environ(?:ment)?(?:\.get\(|\[)"(\w+)"'
    for name in {name for text in product for name in re.findall(read, text)}:
        assert f"`{name}`" in page, name


def test_the_template_sets_no_variable_that_is_not_described(
    template: dict[str, Any], variables: dict[str, str]
) -> None:
    modules = template["modulesContent"]["$edgeAgent"]["properties.desired"]["modules"]
    assert {name for module in modules.values() for name in module["env"]} <= variables.keys()


def test_the_defaults_of_the_variables_are_those_of_the_code(variables: dict[str, str]) -> None:
    context = context_from(EDGE_AGENT)
    assert {name: variables[f"STOREFLOW_{name}"] for name in ("STORE_ID", "STATE", "CHANNELS", "MEDIA")} == {
        "STORE_ID": context.store_id,
        "STATE": str(context.state_folder),
        "CHANNELS": str(context.channel_folder),
        "MEDIA": str(context.media_folder),
    }
    assert variables["STOREFLOW_MODEL_PATH"] == ":".join(map(str, context.model_folders))
    assert variables[http_address.VARIABLE] == http_address.DEFAULT
    assert variables["STOREFLOW_RESEND_SECONDS"] == f"{DeliveryTiming().resend_seconds:g}"
