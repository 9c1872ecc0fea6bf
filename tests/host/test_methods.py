import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from storeflow.errors import ConfigError, ContractError
from storeflow.host.methods import MAX_CONCURRENT, MAX_RESULT_BYTES, Methods, object_in
from storeflow.host.module import Method, MethodResult


def answer(methods: Mapping[str, Method], name: str, payload: Any = None) -> MethodResult:
    return Methods("zones", lambda: methods).call(name, payload).result(5)


def fails(error: Exception) -> Method:
    def method(_: Any) -> MethodResult:
        raise error

    return method


def test_an_unknown_method_is_answered_with_those_there_are() -> None:
    there: dict[str, Method] = {"ping": lambda _: (200, {}), "getConfig": lambda _: (200, {})}
    status, document = answer(there, "getCofnig")
    assert status == 404
    assert document == {"error": "no method 'getCofnig' in zones; there are: getConfig, ping"}


def test_a_method_of_another_module_is_answered_with_who_has_it() -> None:
    status, document = answer({}, "testCamera")
    assert status == 404
    assert "video_capture has it" in document["error"]


@pytest.mark.parametrize("error", [ContractError("payload.camera_id: no"), ConfigError(["payload.camera_id: no"])])
def test_a_payload_that_a_method_refuses_is_the_callers_fault(error: Exception) -> None:
    assert answer({"look": fails(error)}, "look") == (400, {"error": "payload.camera_id: no"})


@pytest.mark.parametrize("payload", [None, [], "text", 7])
def test_a_payload_that_is_no_object_is_named_for_what_it_is(payload: Any) -> None:
    with pytest.raises(ContractError, match="payload: expected an object, got"):
        object_in(payload)


def test_a_method_that_fails_costs_its_caller_an_answer_and_nobody_anything_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert answer({"look": fails(ZeroDivisionError("by nothing"))}, "look") == (
        500,
        {"error": "ZeroDivisionError: by nothing"},
    )
    assert "method look failed" in caplog.text


def test_what_a_method_let_slip_is_redacted_wherever_it_stands() -> None:
    def leaky(_: Any) -> MethodResult:
        return 200, {"rtsp://u:s3cret@h": [{"url": "rtsp://u:s3cret@h/1"}, "SharedAccessKey=s3cret;x"]}

    assert answer({"look": leaky}, "look") == (
        200,
        {"rtsp://***@h": [{"url": "rtsp://***@h/1"}, "SharedAccessKey=***;x"]},
    )
    assert "s3cret" not in str(answer({"look": fails(ContractError("rtsp://u:s3cret@h"))}, "look"))


def test_an_answer_that_iot_hub_would_not_take_is_not_sent() -> None:
    status, document = answer({"look": lambda _: (200, "x" * MAX_RESULT_BYTES)}, "look")
    assert status == 500
    assert "120002 bytes, IoT Hub takes 120000" in document["error"]


def test_slow_methods_hold_up_neither_their_caller_nor_ping_and_are_bounded() -> None:
    released = threading.Event()

    def slow(_: Any) -> MethodResult:
        released.wait(10)
        return 200, "done"

    methods = Methods("zones", lambda: {"slow": slow, "ping": lambda _: (200, "here")})
    started_at = time.monotonic()
    under_way = [methods.call("slow", None) for _ in range(MAX_CONCURRENT)]
    assert methods.call("slow", None).result(0)[0] == 429
    assert methods.call("ping", None).result(0) == (200, "here"), "answered at once"
    assert time.monotonic() - started_at < 5
    assert not any(one.done() for one in under_way)

    released.set()
    assert [one.result(5) for one in under_way] == [(200, "done")] * MAX_CONCURRENT
    assert methods.call("slow", None).result(5) == (200, "done"), "the places are given back"


def test_a_thread_that_cannot_be_had_costs_one_answer_and_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    methods = Methods("zones", lambda: {"look": lambda _: (200, "seen")})
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        answers = [methods.call("look", None).result(0) for _ in range(MAX_CONCURRENT + 1)]
    assert answers == [(500, {"error": "no thread to be had: can't start new thread; is PidsLimit too low?"})] * 5
    assert methods.call("look", None).result(5) == (200, "seen")
