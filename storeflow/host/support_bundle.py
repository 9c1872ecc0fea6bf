"""What support needs to see of a module in trouble, in one answer: no picture, no event, no setting, no secret."""

import json
import platform
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

MAX_BYTES = 100_000
"""A direct method's answer may have 128 KB."""
_MAX_STACK_BYTES = 30_000
_MAX_FRAMES = 15
"""Innermost ones of a stack: where a thread is, not how it was started."""
_PACKAGES = (
    "storeflow",
    "azure-iot-device",
    "prometheus-client",
    "pydantic",
    "numpy",
    "av",
    "onnxruntime-openvino",
    "opencv-python",
    "opencv-python-headless",
    "lap",
)


def versions() -> dict[str, str]:
    """Python's, the system's, and those of our package and of what it stands on, as far as they are installed."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # another module's container has it
    return found


def thread_stacks() -> dict[str, list[str]]:
    """Where every thread is now: file, line and function, without any value."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    stacks: dict[str, list[str]] = {}
    for ident, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way, for debugging
        calls = traceback.extract_stack(frame)[-_MAX_FRAMES:]
        stacks[f"{names.get(ident, 'unknown')} ({ident})"] = [
            f"{call.filename.rpartition('site-packages/')[2]}:{call.lineno} {call.name}" for call in calls
        ]
    return stacks


def bundle(
    facts: Mapping[str, Any], stacks: Mapping[str, Sequence[str]], lines: Sequence[str], max_bytes: int = MAX_BYTES
) -> dict[str, Any]:
    """Put a bundle together that fits: the facts whole, of the stacks what fits, and the newest of the log's lines.

    Args:
        facts: everything that is small.
        stacks: of threads, by name.
        lines: of the log, oldest first; these go first when there is too much.
        max_bytes: of the bundle as JSON.
    """
    shown = _fitting(list(stacks.items()), _MAX_STACK_BYTES)
    document = {**facts, "threads": dict(shown), "threads_left_out": len(stacks) - len(shown), "log_lines_left_out": 0}
    left = max_bytes - _size(document) - len(', "log": []') - len(str(len(lines)))
    newest = _fitting(lines[::-1], left)
    return {**document, "log_lines_left_out": len(lines) - len(newest), "log": newest[::-1]}


def _fitting(items: Sequence[Any], max_bytes: int) -> list[Any]:
    """The first of the items, as many as fit."""
    taken: list[Any] = []
    for item in items:
        max_bytes -= _size(item) + len(", ")
        if max_bytes < 0:
            break
        taken.append(item)
    return taken


def _size(value: Any) -> int:
    return len(json.dumps(value).encode())
