"""Messages of events: one as it is, or several in a JSON array (CloudEvents 1.0, "JSON Batch Format"). Pure.

A message of one has that event's own properties and id. An array has those properties that all of its events share, and
an id that follows from theirs: the same events make the same message, byte for byte.
"""

import gzip
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from storeflow.host.outbox import Row
from storeflow.transport.port import JSON, Form

STRUCTURED_TYPE = "application/cloudevents+json"
"""One event, where no route of IoT Hub wants it to be plain JSON (CloudEvents 1.0, "JSON Event Format")."""
BATCH_TYPE = "application/cloudevents-batch+json"
PLAIN_BATCH, PACKED_BATCH = Form(BATCH_TYPE, "utf-8"), Form(BATCH_TYPE, "gzip")
_LEVEL = 6
_SHARED = ("eventType", "schemaVersion", "storeId")
_BRACKETS = 2


class Packet(NamedTuple):
    """One message, and the rows that are delivered when it is."""

    rows: tuple[Row, ...]
    body: bytes
    form: Form
    properties: dict[str, str]
    message_id: str


def single(row: Row) -> Packet:
    """A message of one event."""
    return Packet((row,), row.body, JSON, row.properties, row.key.hex())


def array(rows: tuple[Row, ...], *, compress: bool) -> Packet:
    """An array of one event or more, with gzip or without."""
    body = b"[" + b",".join(row.body for row in rows) + b"]"
    if compress:
        body = gzip.compress(body, _LEVEL, mtime=0)
    keys = b"".join(row.key for row in rows)
    message_id = rows[0].key.hex() if len(rows) == 1 else blake2b(keys, digest_size=16).hexdigest()
    return Packet(rows, body, PACKED_BATCH if compress else PLAIN_BATCH, _shared(rows), message_id)


def in_groups(rows: Sequence[Row], max_events: int, max_bytes: int) -> Iterator[tuple[Row, ...]]:
    """Part rows, in their order, so that each part's array has no more than that; a row that is too large is alone."""
    group: list[Row] = []
    size = _BRACKETS
    for row in rows:
        if group and (len(group) == max_events or size + len(row.body) > max_bytes):
            yield tuple(group)
            group, size = [], _BRACKETS
        group.append(row)
        size += len(row.body) + 1
    if group:
        yield tuple(group)


def _shared(rows: Sequence[Row]) -> dict[str, str]:
    first = rows[0].properties
    return {
        name: first[name]
        for name in _SHARED
        if name in first and all(row.properties.get(name) == first[name] for row in rows)
    }
