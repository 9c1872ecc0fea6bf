"""Receipts: a module says to the sender of an event that it has the event on disk, or refused it for good.

An acknowledgement of edgeHub says nothing of the kind (docs/adr/0002-custody-of-an-event.md). A receipt names
events by source and id and carries nothing else; one that is lost costs one more sending.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from storeflow.contract.cloudevents import named
from storeflow.contract.faults import first_fault
from storeflow.errors import ContractError

EVENTS = "events"
"""The output on which events leave a module, and the input on which they reach another, which answers with receipts."""
RECEIPTS = "receipts"
"""The output on which receipts leave the receiver, and the input on which they reach the sender."""
UPSTREAM_OUTPUT = "upstream"
"""Every event on its way to IoT Hub, but for alerts."""
ALERTS_OUTPUT = "alerts"
"""Alerts on their way to IoT Hub: an output of their own, so that their route can have a higher priority. edgeHub
acknowledges at once, and after an outage it alone decides what leaves first."""
SPATIAL_ANALYSIS_OUTPUT = "spatialanalysis"
"""Documents of Azure Spatial Analysis 2.0 on their way to IoT Hub, without the envelope."""
HUB_OUTPUTS = frozenset((UPSTREAM_OUTPUT, ALERTS_OUTPUT, SPATIAL_ANALYSIS_OUTPUT))
"""Routed to `$upstream`: edgeHub keeps what leaves there until IoT Hub has it, so that its acknowledgement is the
receipt."""
MAX_EVENTS = 5000
"""In one message: a body of 200 KB has room for a thousand, or for a hundred thousand that are none."""


class Receipt(NamedTuple):
    """One event that its sender may forget."""

    source: str
    id: str
    refused: bool = False
    """It was not kept and never will be: it is not what the input takes."""

    @property
    def named(self) -> str:
        """The event as log lines name it."""
        return named(self.source, self.id)


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore")

    kept: dict[str, list[str]] = {}
    """Ids by source."""
    refused: dict[str, list[str]] = {}


def encode(receipts: Iterable[Receipt]) -> bytes:
    """One message: `{"kept": {source: [id, …]}, "refused": {source: [id, …]}}`."""
    document = _Document(kept={}, refused={})
    for receipt in receipts:
        side = document.refused if receipt.refused else document.kept
        side.setdefault(receipt.source, []).append(receipt.id)
    return document.model_dump_json().encode()


def decode(body: bytes) -> Iterator[Receipt]:
    """Read what `encode` wrote.

    Raises:
        ContractError: it is no message of receipts.
    """
    try:
        document = _Document.model_validate_json(body)
    except ValidationError as error:
        raise ContractError(first_fault(error, "receipts")) from error
    for refused, by_source in ((False, document.kept), (True, document.refused)):
        for source, ids in by_source.items():
            yield from (Receipt(source, event_id, refused) for event_id in ids)


class Arrived(NamedTuple):
    """One event of a message, as it came."""

    body: bytes
    receipt: Receipt | None
    """None where it names no source and id, and so has no outbox behind it."""


def events_in(body: bytes) -> list[Arrived]:
    """The events of a message: one, or a JSON array of them (CloudEvents 1.0, "JSON Batch Format").

    Each keeps the very characters that it was written in. What is no JSON is one event that nobody has a receipt for.

    Raises:
        ContractError: an array that breaks off, or that holds more than `MAX_EVENTS`.
    """
    if body.lstrip()[:1] != b"[":
        return [Arrived(body, _receipt(_document(body)))]
    try:
        text = body.decode()
        return [Arrived(text[start:end].encode(), _receipt(document)) for document, start, end in _elements(text)]
    except (ValueError, RecursionError) as error:
        raise ContractError(f"events: {error or 'nested too deeply'}") from error


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _receipt(document: Any) -> Receipt | None:
    source, event_id = (document.get("source"), document.get("id")) if isinstance(document, dict) else (None, None)
    if not isinstance(source, str) or not isinstance(event_id, str):
        return None
    try:
        (source + event_id).encode()
    except UnicodeEncodeError:  # half a character, as JSON's escapes can spell it: no outbox has such a key
        return None
    return Receipt(source, event_id)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


_PARSE = json.JSONDecoder(parse_constant=_no_number).raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")


def _elements(text: str) -> Iterator[tuple[Any, int, int]]:
    """Every element of a JSON array: parsed, and from where to where it was written."""
    at = _behind_space(text, _behind_space(text, 0) + 1)
    count, more = 0, text[at : at + 1] != "]"
    while more:
        if (count := count + 1) > MAX_EVENTS:
            raise ValueError(f"more than {MAX_EVENTS} in one message")
        document, end = _PARSE(text, at)
        yield document, at, end
        at = _behind_space(text, end)
        if more := text[at : at + 1] == ",":
            at = _behind_space(text, at + 1)
    if text[at : at + 1] != "]" or _behind_space(text, at + 1) != len(text):
        raise ValueError(f"the array's end is expected at character {at}")


def _behind_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
