"""Receipts: a module says to the sender of an event that it has the event on disk, or refused it for good.

An acknowledgement of edgeHub says nothing of the kind (docs/adr/0002-custody-of-an-event.md). A receipt names
events by source and id and carries nothing else; one that is lost costs one more sending.
"""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from storeflow.contract.cloudevents import named
from storeflow.contract.faults import first_fault
from storeflow.errors import ContractError

EVENTS = "events"
"""The output on which events leave a module, and the input on which they reach another, which answers with receipts."""
RECEIPTS = "receipts"
"""The output on which receipts leave the receiver, and the input on which they reach the sender."""
UPSTREAM_OUTPUT = "upstream"
"""Every event on its way to IoT Hub."""
SPATIAL_ANALYSIS_OUTPUT = "spatialanalysis"
"""Documents of Azure Spatial Analysis 2.0 on their way to IoT Hub, without the envelope."""
HUB_OUTPUTS = frozenset((UPSTREAM_OUTPUT, SPATIAL_ANALYSIS_OUTPUT))
"""Routed to `$upstream`: edgeHub keeps what leaves there until IoT Hub has it, so that its acknowledgement is the
receipt."""


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


def receipt_for(body: bytes, *, refused: bool) -> Receipt | None:
    """The receipt for an event as it arrived; none where it names no source and id, and so has no outbox behind it."""
    try:
        document = json.loads(body)
        source, event_id = document["source"], document["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return Receipt(source, event_id, refused) if isinstance(source, str) and isinstance(event_id, str) else None
