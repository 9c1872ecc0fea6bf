"""Quarantine: what came and cannot be an event, as it came, with the reason. Newline-delimited JSON, gzip. Pure.

A line has all that landing knew, so that the same message can be judged again: by a newer version of this software, or
once its device is in the register.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Self

from cloud_functions.decode import Quarantined
from cloud_functions.message import Message
from storeflow.contract.instant import as_text
from storeflow.errors import ContractError


class QuarantineLine(NamedTuple):
    """One message, or one event of it."""

    partition: str
    sequence_number: int
    place: int | None
    """The event's place in its message; none for the whole message."""
    offset: str
    enqueued_at: str
    device_id: str | None
    module_id: str | None
    content_type: str
    content_encoding: str
    store_id: str | None
    """The message property `storeId`."""
    quarantined_at: str
    code: str
    reason: str
    body: str
    """The bytes, in base64."""

    @classmethod
    def of(cls, refused: Quarantined, message: Message, partition: str, now: datetime) -> Self:
        """The line of a message, or of one event of it."""
        whole = refused.place is None
        return cls(
            partition,
            message.sequence_number,
            refused.place,
            message.offset,
            as_text(message.enqueued_at),
            message.device_id,
            message.module_id,
            message.content_type if whole else "application/json",
            message.content_encoding if whole else "utf-8",
            message.store_id,
            as_text(now),
            refused.code,
            refused.reason,
            base64.b64encode(refused.body).decode(),
        )

    def message(self) -> Message:
        """What came, to be judged again."""
        return Message(
            body=base64.b64decode(self.body, validate=True),
            sequence_number=self.sequence_number,
            offset=self.offset,
            enqueued_at=datetime.fromisoformat(self.enqueued_at),
            device_id=self.device_id,
            module_id=self.module_id,
            content_type=self.content_type,
            content_encoding=self.content_encoding,
            store_id=self.store_id,
        )


def read(file: bytes, path: str) -> Iterator[QuarantineLine]:
    """The lines of a file.

    Raises:
        ContractError: `bronze.pack` did not write it from such lines.
    """
    try:
        for text in gzip.decompress(file).splitlines():
            line = QuarantineLine(**json.loads(text))
            line.message()  # what can't be judged again is said here, where the file has its name
            yield line
    except (OSError, EOFError, zlib.error, ValueError, TypeError) as error:
        raise ContractError(f"{path}: no file of quarantine: {error}") from error
