"""The envelope: CloudEvents 1.0 (cloudevents.io), structured JSON.

`source` + `id` is unique for ever, and deterministic: the same tracks and layout give the same ids, so that a
module that starts again re-sends and never doubles. Its trace follows from the two, and is the same every time.
"""

from hashlib import blake2b
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, model_validator

from storeflow.contract.events import EVENT_MODELS, StoreEvent, schema_urn, schema_version
from storeflow.contract.events.privacy import Impersonal, Pseudonymous
from storeflow.contract.faults import first_fault
from storeflow.contract.instant import Instant
from storeflow.errors import ContractError

TRACEPARENT_PATTERN = "^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$"
"""W3C Trace Context (w3.org/TR/trace-context), "traceparent Header", version 00; ids of zeros alone are invalid."""


def event_id(source: str, event_type: str, *parts: str | int) -> str:
    """32 hexadecimal digits that name one decision: the same parts always give the same id."""
    text = "\x1f".join((source, event_type, *map(str, parts)))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def camera_source(hub: str, device_id: str, camera_id: str) -> str:
    """The `source` of what was decided in front of one camera of one device.

    The camera's states add `/state` to it, sums `/windows`, documents of Azure Spatial Analysis `/spatial_analysis`.
    """
    return f"//{hub}/{device_id}/{camera_id}"


def traceparent(source: str, event_id: str) -> str:
    """The trace that an event begins, as W3C Trace Context writes it: version, trace id, span id, `01` for sampled.

    It is a digest of source and id, so that an event which is sent again belongs to the trace it was in before.
    """
    digest = blake2b(f"{source}\x1f{event_id}".encode(), digest_size=24, person=b"trace").hexdigest()
    return f"00-{digest[:32]}-{digest[32:]}-01"


def named(source: str, event_id: str) -> str:
    """The event as log lines name it: id, source and the trace id that its `traceparent` begins with."""
    return f"event {event_id} of {source}, trace {traceparent(source, event_id).split('-')[1]}"


class CloudEvent(BaseModel):
    """One store event in its envelope."""

    # The forms of ids and numbers are in the schema alone: they bind who writes, and are no reason to refuse an event.

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    specversion: Impersonal[Literal["1.0"]] = "1.0"
    """Always `1.0`: the version of CloudEvents."""
    id: Pseudonymous[str] = Field(json_schema_extra={"pattern": "^[0-9a-f]{32}$"})
    """32 hexadecimal digits. With `source` it names this event for ever."""
    source: Impersonal[str]
    """Whose series of events it belongs to: `//<IoT hub>/<device>/<camera>`, `…/<camera>/state` for how the camera
    itself fares, `//<IoT hub>/<device>/~areas` for what is counted over several cameras (no camera can be called so),
    `…/<camera>/windows` for sums, and `…/<camera>/spatial_analysis` for documents."""
    type: Impersonal[str]
    """Which of these events."""
    time: Impersonal[Instant]
    """The same as `data.captured_at`. UTC."""
    datacontenttype: Impersonal[Literal["application/json"]] = "application/json"
    """Always `application/json`."""
    dataschema: Impersonal[str]
    """The schema of `data`, `urn:storeflow:schema:<version>:<type>`."""
    subject: Impersonal[str]
    """What it is about: the id of the line, the zone, the queue, the area or the camera; of
    `storeflow.person.recognised` the zone."""
    sequence: Impersonal[str | None] = Field(default=None, json_schema_extra={"pattern": "^[0-9]{12}$"})
    """Number of the event within its source, without gaps, in twelve digits so that it sorts as text (CloudEvents
    extension "Sequence"). The outbox that first keeps the event gives it."""
    traceparent: Pseudonymous[str | None] = Field(default=None, json_schema_extra={"pattern": TRACEPARENT_PATTERN})
    """The trace that the event begins, as W3C Trace Context writes it (CloudEvents extension "Distributed Tracing"); a
    digest of `source` and `id`, so that it stays the same when the event is sent again. One that is not of that form is
    no reason to refuse the event."""
    data: SerializeAsAny[StoreEvent]
    """What happened."""

    @model_validator(mode="before")
    @classmethod
    def _read_data_by_type(cls, document: Any) -> Any:
        """Let the event's type choose the model of its data."""
        if isinstance(document, dict) and isinstance(document.get("data"), dict):
            model = EVENT_MODELS.get(str(document.get("type")))
            if model is None:
                raise ValueError(f"unknown event type {document.get('type')!r}")
            return {**document, "data": model.model_validate(document["data"])}
        return document

    @classmethod
    def of(cls, data: StoreEvent, *, source: str, id: str, subject: str) -> Self:  # noqa: A002 - the field's name
        """Wrap `data`; `time` is its `captured_at`."""
        return cls(
            id=id,
            source=source,
            type=data.event_type,
            time=data.captured_at,
            dataschema=schema_urn(data.event_type),
            subject=subject,
            traceparent=traceparent(source, id),
            data=data,
        )

    @property
    def schema_version(self) -> str | None:
        """`major.minor` of the schema of `data`."""
        return schema_version(self.dataschema, self.type)

    @property
    def store_id(self) -> str:
        """The store."""
        return self.data.store_id

    def to_json(self) -> bytes:
        """Structured JSON, one line."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ContractError: it is no CloudEvent of a known type, with the field that is at fault.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise ContractError(first_fault(error, "event")) from error
