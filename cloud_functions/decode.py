"""From the bytes of one message to the events in it, each as it was written, or the reason why there is none. Pure.

Two forms come in:

    application/json, application/cloudevents+json     one event, or one document of Azure Spatial Analysis
    application/cloudevents-batch+json                 a JSON array of events (CloudEvents 1.0, "JSON Batch Format")

either plain (no content encoding, or `utf-8`, as IoT Hub has it) or with content encoding `gzip`.
"""

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from cloud_functions.envelope import Code, Refused, Speaker, check, speaker
from cloud_functions.message import Message
from cloud_functions.stores import Stores
from storeflow.contract.envelope import MAX_EVENTS

MAX_MESSAGE_BYTES = 256 * 1024
"""IoT Hub takes no more (iot-hub-devguide-quotas-throttling): a larger one came another way."""
MAX_UNPACKED_BYTES = 8 * 1024 * 1024
"""Of a compressed message. Events become a tenth of their size, so one of 200 KB has 2 MB; more is a bomb."""
MAX_REFUSED = 20
"""Events of a message that are put into quarantine each by itself; of more, the message as it came, once."""

ONE = frozenset({"application/json", "application/cloudevents+json"})
MANY = "application/cloudevents-batch+json"
_PLAIN = frozenset({"", "utf-8", "utf8"})
_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|[^\[\]{}",:\s]+', re.DOTALL)
_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}
_TOO_DEEP = "JSON is nested too deeply"


class Landing(NamedTuple):
    """An event that lands."""

    place: int
    """Its place in its message, from 0."""
    text: str
    """The event, character by character as it came."""


class Quarantined(NamedTuple):
    """What goes into quarantine."""

    place: int | None
    """Its place in its message; none where it is the whole message."""
    body: bytes
    """As it came; of one event of a batch, that event."""
    code: Code
    reason: str


def decode(message: Message, stores: Stores) -> tuple[list[Landing], list[Quarantined]]:
    """Return the events of a message, and what goes into quarantine with its reason. Nothing is raised."""
    landing: list[Landing] = []
    quarantined: list[Quarantined] = []
    count = 0
    try:
        sender = speaker(message.device_id, stores, message.enqueued_at)
        for place, (document, text) in enumerate(_documents(message)):
            refused = _judged(document, text, sender, message.store_id)
            if refused is None:
                landing.append(Landing(place, text))
                continue
            count += 1
            if count <= MAX_REFUSED:
                quarantined.append(Quarantined(place, text.encode(), refused.code, refused.reason))
    except Refused as refused:
        return [], [Quarantined(None, message.body, refused.code, refused.reason)]
    except Exception as error:  # noqa: BLE001 - a fault of ours must not hold up all that comes behind this message
        fault = _fault(error)
        return [], [Quarantined(None, message.body, fault.code, fault.reason)]
    if count > MAX_REFUSED:
        first = quarantined[0]
        reason = f"{count} of its {count + len(landing)} events are refused; the first: {first.code}: {first.reason}"
        quarantined = [Quarantined(None, message.body, first.code, reason)]
    return landing, quarantined


def _judged(document: Any, text: str, sender: Speaker, store_property: str | None) -> Refused | None:
    """Why one document can't land; none if it may."""
    try:
        if isinstance(document, Refused):
            return document
        check(document, text, sender, store_property)
    except Refused as refused:
        return refused
    except Exception as error:  # noqa: BLE001 - a fault of ours with one event must not take its neighbours along
        return _fault(error)
    return None


def _fault(error: Exception) -> Refused:
    return Refused("fault", f"{type(error).__name__}: {error}; report it, then replay")


def _documents(message: Message) -> Iterator[tuple[Any, str]]:
    """All JSON documents of a message, one after the other, parsed and as they were written.

    In place of one out of an array that can't be read is why: `Refused`. What is wrong with the array itself, or with a
    message of one document, is raised.
    """
    media_type = message.content_type.partition(";")[0].strip().lower()
    if media_type not in ONE and media_type != MANY:
        raise Refused("content_type", f"content type is {message.content_type!r}; application/json is expected")
    text = _text(message)
    try:
        if media_type == MANY:
            yield from _array(text)
        else:
            yield _one(text)
    except RecursionError as error:
        raise Refused("not_json", _TOO_DEEP) from error
    except ValueError as error:
        raise Refused("not_json", f"no JSON: {error}") from error


def _text(message: Message) -> str:
    body, encoding = message.body, message.content_encoding.strip().lower()
    if len(body) > MAX_MESSAGE_BYTES:
        raise Refused("too_large", f"{len(body):,} bytes; {MAX_MESSAGE_BYTES:,} at most")
    if encoding == "gzip":
        body = _unpacked(body)
    elif encoding not in _PLAIN:
        raise Refused(
            "content_encoding", f"content encoding is {message.content_encoding!r}; utf-8 or gzip is expected"
        )
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Refused("not_utf8", f"not UTF-8: {error.reason} at byte {error.start}") from error


def _unpacked(body: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacking.decompress(body, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise Refused("content_encoding", f"content encoding is gzip and the body is not: {error}") from error
    if unpacking.unconsumed_tail:
        raise Refused("too_large", f"more than {MAX_UNPACKED_BYTES:,} bytes once unpacked")
    if not unpacking.eof or unpacking.unused_data:
        raise Refused("content_encoding", "content encoding is gzip and the body breaks off, or goes on behind its end")
    return unpacked


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of a name that is there twice one reader takes the first, another one the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"{name!r} is there twice in one object")
            seen.add(name)
    return found


_PARSE = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_once_each).raw_decode


def _element(text: str, at: int) -> tuple[Any, int]:
    """The document that begins at a character, or why it is none, and where it ends.

    Raises:
        ValueError: nobody can tell where it ends, for it breaks the grammar that the array around it is written in.
    """
    try:
        return _PARSE(text, at)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        return Refused("not_json", _TOO_DEEP), _end(text, at)
    except ValueError as error:
        return Refused("not_json", f"no JSON: {error}"), _end(text, at)


def _end(text: str, at: int) -> int:
    """The character behind an object or array, or behind a number, without reading what is in it."""
    depth = 0
    for found in _TOKEN.finditer(text, at):
        depth += _DEEPER.get(found[0], 0)
        if depth <= 0:
            return found.end()
    raise ValueError(f"what begins at character {at} never ends")


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _one(text: str) -> tuple[Any, str]:
    document, end = _PARSE(text, _space(text, 0))
    if _space(text, end) < len(text):
        raise ValueError(f"something follows the document at character {end}")
    return document, text


def _array(text: str) -> Iterator[tuple[Any, str]]:
    """Every element of an array, and the very characters that it was written in."""
    at = _space(text, 0)
    if text[at : at + 1] != "[":
        raise ValueError("an array is expected")
    at = _space(text, at + 1)
    empty = text[at : at + 1] == "]"
    count = 0
    while not empty:
        if (count := count + 1) > MAX_EVENTS:
            raise Refused("too_large", f"more than {MAX_EVENTS:,} events")
        element, end = _element(text, at)
        yield element, text[at:end]
        at = _space(text, end)
        if text[at : at + 1] != ",":
            break
        at = _space(text, at + 1)
    if text[at : at + 1] != "]":
        raise ValueError(f"a comma or the array's end is expected at character {at}")
    if _space(text, at + 1) < len(text):
        raise ValueError(f"something follows the array at character {at + 1}")
