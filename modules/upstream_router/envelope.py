"""What the router must understand of an event to carry it on: its envelope, and its data as far as they are known.

The event itself is carried on as it came. A sender may be newer than this router: fields that are not known here
stay in the body, and an event of a type or schema that is not known here is not judged.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AnyUrl, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from storeflow.contract.cloudevents import TRACEPARENT_PATTERN, CloudEvent
from storeflow.contract.events import EVENT_MODELS, SCHEMA_VERSION, schema_version
from storeflow.contract.faults import first_fault
from storeflow.errors import ContractError
from storeflow.host.module import RawEvent

_Name = Annotated[str, Field(min_length=1, max_length=1024)]


class Envelope(BaseModel):
    """The attributes of CloudEvents 1.0 (cloudevents.io, "Context Attributes"), each as it must be if it is there."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    id: _Name
    source: _Name
    type: Annotated[str, Field(pattern=r"^storeflow(\.[A-Za-z0-9_-]+)+$", max_length=128)]
    time: AwareDatetime | None = None
    datacontenttype: _Name | None = None
    dataschema: AnyUrl | None = None
    subject: _Name | None = None
    sequence: str | None = None
    traceparent: str | None = None
    data: Any = None

    @property
    def schema_version(self) -> str | None:
        """`major.minor` of the schema that `data` follows; none where `dataschema` is none of storeflow's."""
        return schema_version(str(self.dataschema), self.type)

    @property
    def trace(self) -> str | None:
        """`traceparent`, if it is one: W3C Trace Context has a broken one ignored, and nothing refused for it."""
        return self.traceparent if re.fullmatch(TRACEPARENT_PATTERN, self.traceparent or "") else None

    @property
    def is_known(self) -> bool:
        """Whether this version of storeflow can tell if `data` is right."""
        version = self.schema_version or SCHEMA_VERSION
        return self.type in EVENT_MODELS and _number(version) <= _number(SCHEMA_VERSION)


def read_event(body: bytes) -> tuple[RawEvent, bool]:
    """An event as it is to be carried on, and whether its data could be, and were, checked.

    Raises:
        ContractError: it is no CloudEvent of storeflow, or its data are not what its type says.
    """
    try:
        envelope = Envelope.model_validate(from_json(body, allow_inf_nan=False))
    except ValidationError as error:
        raise ContractError(first_fault(error, "event")) from error
    except ValueError as error:
        raise ContractError(f"event: no JSON: {error}") from error
    if envelope.is_known:
        CloudEvent.from_json(body)
    store_id = envelope.data.get("store_id") if isinstance(envelope.data, dict) else None
    event = RawEvent(
        source=envelope.source,
        id=envelope.id,
        type=envelope.type,
        schema_version=envelope.schema_version,
        store_id=store_id if isinstance(store_id, str) else None,
        body=body,
        traceparent=envelope.trace,
    )
    return event, envelope.is_known


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
