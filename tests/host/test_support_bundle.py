import json
import threading

import pytest

from storeflow.host.support_bundle import bundle, thread_stacks, versions

LINES = [f"<6> 2026-01-01 00:00:00.000 +00:00 [INF] - line {number}" for number in range(1000)]


@pytest.mark.parametrize("max_bytes", [3_000, 20_000, 100_000])
def test_a_bundle_fits_and_the_oldest_lines_are_the_first_to_go(max_bytes: int) -> None:
    made = bundle({"moduleId": "zones"}, {"module (1)": ["a.py:1 run"]}, LINES, max_bytes)
    assert len(json.dumps(made).encode()) <= max_bytes
    assert made["log"] == LINES[made["log_lines_left_out"] :]
    assert made["moduleId"] == "zones"
    assert made["threads"] == {"module (1)": ["a.py:1 run"]}
    one_more = len(json.dumps(LINES[0])) + 10
    assert not made["log_lines_left_out"] or len(json.dumps(made).encode()) > max_bytes - one_more, "what fits is there"


def test_text_that_json_writes_longer_is_counted_as_it_is_sent() -> None:
    made = bundle({}, {}, ["ä€\n" * 100] * 100, 20_000)
    assert len(json.dumps(made).encode()) <= 20_000
    assert made["log"]


def test_many_threads_leave_room_for_the_log() -> None:
    stacks = {f"thread {number}": ["storeflow/somewhere.py:100 wait"] * 15 for number in range(500)}
    made = bundle({}, stacks, LINES)
    assert len(json.dumps(made).encode()) <= 100_000
    assert made["threads_left_out"] == 500 - len(made["threads"]) > 0
    assert len(made["log"]) > 500


def test_a_stack_says_where_a_thread_is_and_no_value() -> None:
    released, started = threading.Event(), threading.Event()

    def wait_with(secret: str) -> None:
        started.set()
        released.wait(10)
        assert secret

    thread = threading.Thread(target=wait_with, args=("hunter2",), name="waiting")
    thread.start()
    started.wait(5)
    stacks = thread_stacks()
    released.set()
    thread.join()
    (calls,) = (calls for name, calls in stacks.items() if name.startswith("waiting"))
    assert any(call.endswith(" wait_with") and "test_support_bundle.py:" in call for call in calls)
    assert "hunter2" not in str(stacks)


def test_the_versions_are_those_of_what_is_installed() -> None:
    found = versions()
    assert {"python", "system", "storeflow", "pydantic", "azure-iot-device"} <= found.keys()
    assert found["pydantic"].startswith("2.")
