"""Direct methods: IoT Hub, the portal or a script asks a module something, and it answers.

Every module has those in standard_methods.py; one may have more of its own (`storeflow.host.module.HasMethods`).
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any

from storeflow.errors import ContractError
from storeflow.host.module import Method, MethodResult
from storeflow.observability.logs import redacted_document

LOG = logging.getLogger(__name__)
MAX_RESULT_BYTES = 120_000
"""IoT Hub takes 128 KB (learn.microsoft.com, iot-hub-devguide-direct-methods), counted with what travels around it."""
MAX_CONCURRENT = 4
"""Methods that may be at work; one more caller is asked to come again."""
PING = "ping"
ELSEWHERE = {"testCamera": "video_capture"}
"""Methods that one kind of module has, for a caller who asks another."""


class Methods:
    """Runs each call on a thread of its own, so that none waits for another, for the module or for the transport.

    All that leaves here is redacted once more, whatever a method let through.

    Args:
        module_id: says which module a caller has reached.
        current: gives all methods by name, as of now; `ping` is answered at once, on the caller's thread.
    """

    def __init__(self, module_id: str, current: Callable[[], Mapping[str, Method]]) -> None:
        self._module_id, self._current = module_id, current
        self._free = threading.Semaphore(MAX_CONCURRENT)

    def call(self, name: str, payload: Any) -> "Future[MethodResult]":
        """Begin a method; it returns at once, and the result never is an exception."""
        result: Future[MethodResult] = Future()
        result.set_running_or_notify_cancel()
        methods = self._current()
        if name not in methods:
            result.set_result(_redact_and_limit(HTTPStatus.NOT_FOUND, {"error": self._no_such(name, methods)}))
        elif name == PING:
            result.set_result(_result(name, methods[name], payload))
        elif not self._free.acquire(blocking=False):
            busy = f"{MAX_CONCURRENT} methods are at work: ask again when one has answered"
            result.set_result((HTTPStatus.TOO_MANY_REQUESTS, {"error": busy}))
        else:
            self._start(name, methods[name], payload, result)
        return result

    def _start(self, name: str, method: Method, payload: Any, result: "Future[MethodResult]") -> None:
        """Have it run on a thread; where the system has none left, its place is free for the next caller."""
        try:
            threading.Thread(
                target=self._run, args=(name, method, payload, result), name=f"method {name}", daemon=True
            ).start()
        except Exception as error:
            self._free.release()
            LOG.exception("method %s was not begun", name)
            no_thread = f"no thread to be had: {error}; is PidsLimit too low?"
            result.set_result((HTTPStatus.INTERNAL_SERVER_ERROR, {"error": no_thread}))

    def _run(self, name: str, method: Method, payload: Any, result: "Future[MethodResult]") -> None:
        try:
            found = _result(name, method, payload)
        finally:
            self._free.release()
        result.set_result(found)

    def _no_such(self, name: str, methods: Mapping[str, Method]) -> str:
        where = f"; {ELSEWHERE[name]} has it" if name in ELSEWHERE else ""
        return f"no method {name!r} in {self._module_id}{where}; there are: {', '.join(sorted(methods))}"


def object_in(payload: Any) -> dict[str, Any]:
    """The payload, which has to be an object.

    Raises:
        ContractError: it is none.
    """
    if not isinstance(payload, dict):
        raise ContractError(f"payload: expected an object, got {type(payload).__name__}")
    return payload


def _result(name: str, method: Method, payload: Any) -> MethodResult:
    try:
        status, document = method(payload)
    except ContractError as error:
        status, document = HTTPStatus.BAD_REQUEST, {"error": str(error)}
    except Exception as error:  # a method that fails costs its caller an answer and nobody anything else
        LOG.exception("method %s failed", name)
        status, document = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": f"{type(error).__name__}: {error}"}
    return _redact_and_limit(status, document)


def _redact_and_limit(status: int, document: Any) -> MethodResult:
    document = redacted_document(document)
    size = len(json.dumps(document).encode())
    if size > MAX_RESULT_BYTES:
        too_large = f"the answer has {size} bytes, IoT Hub takes {MAX_RESULT_BYTES}"
        return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": too_large}
    return status, document
