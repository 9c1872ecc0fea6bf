import asyncio
import json
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest

from modules.video_capture import camera_test
from modules.video_capture.camera_test import PictureStatistics
from modules.video_capture.module import VideoCapture
from modules.video_capture.source import ClockState
from storeflow.host import methods
from storeflow.host.configuration import Acknowledgement, ConfigurationState, InForce
from storeflow.host.host import Host
from storeflow.host.module import ModuleContext
from storeflow.host.outbox import Outbox
from storeflow.host.standard_methods import config_document
from storeflow.host.support_bundle import MAX_BYTES
from storeflow.transport.memory import MemoryHub

Row = dict[str, str]
Tables = Callable[[str], list[list[Row]]]


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "methods.md").read_text()


def example(page: str, method: str) -> dict[str, object]:
    (block,) = re.findall(rf"^## {method}$.*?^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    document: dict[str, object] = json.loads(block)
    return document


async def of_every_module(context: ModuleContext) -> set[str]:
    """The methods of a host whose module has none of its own, as it lists them to a caller who asks for another."""
    outbox = Outbox(context.state_folder / "outbox.db")
    host = Host(VideoCapture, context, MemoryHub({}).transport("m"), outbox)
    status, document = host.on_method("dance", None).result(5)
    outbox.close()
    assert status == HTTPStatus.NOT_FOUND
    return set(document["error"].rpartition("there are: ")[2].split(", "))


def test_every_method_is_described_and_none_that_there_is_not(page: str, tables: Tables, tmp_path: Path) -> None:
    context = ModuleContext("m", "hub", "device", "s", tmp_path, tmp_path, tmp_path, (), tmp_path)
    shared = asyncio.run(of_every_module(context))
    own = set(VideoCapture(context, None).methods)
    rows = [row for table in tables(page) for row in table if "method" in row]
    listed = {re.sub(r"\[`(.+)`\].*", r"\1", row["method"]): row["modules"] for row in rows}
    assert listed == dict.fromkeys(shared, "all") | dict.fromkeys(own, "video_capture")
    assert set(re.findall(r"^## (\w+)$", page, re.MULTILINE)) == shared | own
    assert dict.fromkeys(own, "video_capture") == methods.ELSEWHERE


def test_every_status_is_described(page: str, tables: Tables, repository: Path) -> None:
    described = {row["status"] for table in tables(page) for row in table if "status" in row}
    sources = [repository / "storeflow" / "host" / name for name in ("methods.py", "standard_methods.py")]
    answered = {name for path in sources for name in re.findall(r"HTTPStatus\.(\w+)", path.read_text())}
    assert described == {str(HTTPStatus[name].value) for name in answered}


def test_the_example_of_a_configuration_is_what_the_code_answers(page: str) -> None:
    document = {"lines": {"entrance": {"start": [0.13, 0.75], "end": [0.28, 0.46]}}}
    acknowledgement: Acknowledgement = {"ac": 400, "av": 7, "ad": "layout.lines.entrance.inn: there is no such setting"}
    state = ConfigurationState(("layout",), 7, {"layout": InForce(document, 5)}, {"layout": acknowledgement})
    assert config_document(state) == example(page, "getConfig")


def test_every_field_of_a_tested_camera_is_described(page: str, tables: Tables) -> None:
    rows = [row for table in tables(page) for row in table if "field" in row]
    told = {name.strip("`") for row in rows for name in row["field"].split(", ")}
    assert told == set(example(page, "testCamera"))
    assert told - {"state"} == set(PictureStatistics(pictures=2, last_at=1.0, clock=_CLOCK).facts("h264", live=True))


_CLOCK = ClockState(0, 0.0, -1.84)


def test_the_page_states_the_limits_of_the_code(page: str) -> None:
    said = " ".join(page.split())
    assert f"looked at for {camera_test.LOOK_SECONDS:g} s" in said
    assert f"comes within {camera_test.ANSWER_SECONDS:g} s" in said
    assert f"{MAX_BYTES // 1000} KB" in said
    assert methods.MAX_CONCURRENT == 4
    assert "four methods are at work" in said
