"""Direct methods: what a module answers when IoT Hub, the portal or a script asks it something.

Every module answers `ping`, `metrics`, `getConfig`, `validateConfig` and `supportBundle`; one may have more of its own
(`storeflow.module.HasMethods`). None of them changes anything. docs/methods.md is the page for those who call them.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from storeflow.configuration import ConfigurationState
from storeflow.errors import ContractError
from storeflow.module import Answer, Method
from storeflow.observability import redacted_document

LOG = logging.getLogger(__name__)
MAX_ANSWER_BYTES = 120_000
"""IoT Hub takes 128 KB (learn.microsoft.com, iot-hub-devguide-direct-methods), counted with what travels around it."""
AT_ONCE = 4
"""Methods that may be at work; a caller too many is told to come again."""
PING = "ping"
ELSEWHERE = {"testCamera": "video_capture"}
"""Methods that one kind of module has, for a caller who asks another."""
BAD_PAYLOAD, NO_SUCH_METHOD, BUSY, FAILED = 400, 404, 429, 500


class Methods:
    """Answers each call on a thread of its own, so that none waits for another, for the module or for the transport.

    All that leaves here is redacted once more, whatever a method let through.

    Args:
        module_id: says which module a caller has reached.
        methods: gives all methods of the moment by name; `ping` is answered at once, on the caller's thread.
    """

    def __init__(self, module_id: str, methods: Callable[[], Mapping[str, Method]]) -> None:
        self._module_id, self._methods = module_id, methods
        self._free = threading.Semaphore(AT_ONCE)

    def call(self, name: str, payload: Any) -> "Future[Answer]":
        """Begin a method; it returns at once, and the answer never is an exception."""
        answer: Future[Answer] = Future()
        answer.set_running_or_notify_cancel()
        methods = self._methods()
        if name not in methods:
            answer.set_result(_fit_to_send(NO_SUCH_METHOD, {"error": self._no_such(name, methods)}))
        elif name == PING:
            answer.set_result(_answered(name, methods[name], payload))
        elif not self._free.acquire(blocking=False):
            answer.set_result((BUSY, {"error": f"{AT_ONCE} methods are at work: ask again when one has answered"}))
        else:
            self._start(name, methods[name], payload, answer)
        return answer

    def _start(self, name: str, method: Method, payload: Any, answer: "Future[Answer]") -> None:
        """Have it run on a thread; where the system gives none, its place is free for the next caller."""
        try:
            threading.Thread(
                target=self._run, args=(name, method, payload, answer), name=f"method {name}", daemon=True
            ).start()
        except Exception as error:
            self._free.release()
            LOG.exception("method %s was not begun", name)
            answer.set_result((FAILED, {"error": f"no thread to be had: {error}; is PidsLimit too low?"}))

    def _run(self, name: str, method: Method, payload: Any, answer: "Future[Answer]") -> None:
        try:
            result = _answered(name, method, payload)
        finally:
            self._free.release()
        answer.set_result(result)

    def _no_such(self, name: str, methods: Mapping[str, Method]) -> str:
        where = f"; {ELSEWHERE[name]} has it" if name in ELSEWHERE else ""
        return f"no method {name!r} in {self._module_id}{where}; there are: {', '.join(sorted(methods))}"


def _answered(name: str, method: Method, payload: Any) -> Answer:
    try:
        status, document = method(payload)
    except ContractError as error:
        status, document = BAD_PAYLOAD, {"error": str(error)}
    except Exception as error:  # a method that fails costs its caller an answer and nobody anything else
        LOG.exception("method %s failed", name)
        status, document = FAILED, {"error": f"{type(error).__name__}: {error}"}
    return _fit_to_send(status, document)


def _fit_to_send(status: int, document: Any) -> Answer:
    document = redacted_document(document)
    size = len(json.dumps(document).encode())
    if size > MAX_ANSWER_BYTES:
        return FAILED, {"error": f"the answer has {size} bytes, IoT Hub takes {MAX_ANSWER_BYTES}"}
    return status, document


def object_in(payload: Any) -> dict[str, Any]:
    """The payload, which has to be an object.

    Raises:
        ContractError: it is none.
    """
    if not isinstance(payload, dict):
        raise ContractError(f"payload: expected an object, got {type(payload).__name__}")
    return payload


def config_answer(state: ConfigurationState) -> dict[str, Any]:
    """What `getConfig` answers: each section as it is in force and how it stands, and every key that is refused."""
    sections = {
        name: {
            "in_force": state.in_force[name].document if name in state.in_force else None,
            "version": state.in_force[name].version if name in state.in_force else None,
            "state": state.statuses.get(name),
        }
        for name in state.sections
    }
    return {"twin_version": state.twin_version, "sections": sections, "refused": state.refused}
