"""The module's side of a transport."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest


class _Heard:
    """An inbox that remembers."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.connections: list[bool] = []
        self.twin_changes = 0

    def on_message(self, input_name: str, body: bytes) -> None:
        self.messages.append((input_name, body))

    def on_desired_changed(self) -> None:
        self.twin_changes += 1

    def on_method(self, name: str, payload: Any) -> "Future[tuple[int, Any]]":
        answer: Future[tuple[int, Any]] = Future()
        answer.set_result((200, {"name": name, "payload": payload}))
        return answer

    def on_connection(self, connected: bool) -> None:
        self.connections.append(connected)


@pytest.fixture
def new_inbox() -> Callable[[], Any]:
    """Make an inbox that remembers: `messages`, `connections`, `twin_changes`."""
    return _Heard


@pytest.fixture
def inbox() -> Any:
    """An inbox that remembers: `messages`, `connections`, `twin_changes`."""
    return _Heard()
