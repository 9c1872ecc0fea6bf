"""What everybody who hands an event on must understand of it: its envelope, and whether its data can be judged.

`cloudevents.py` has the events of today; this is for events of any version. What is not known here is carried on as it
came: a sender may be newer than its reader.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AnyUrl, AwareDatetime, BaseModel, ConfigDict, Field

from storeflow.contract.cloudevents import TRACEPARENT_PATTERN
from storeflow.contract.events import EVENT_MODELS, SCHEMA_VERSION, schema_version

MAX_EVENTS = 2000
"""Of one message that carries a JSON array of events, from wherever it comes."""

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
    def store_id(self) -> str | None:
        """The store that `data` names, if any."""
        named = self.data.get("store_id") if isinstance(self.data, dict) else None
        return named if isinstance(named, str) else None

    @property
    def is_known(self) -> bool:
        """Whether this version of storeflow can tell if `data` is right."""
        return is_known(self.type, str(self.dataschema))


def is_known(event_type: str, dataschema: str) -> bool:
    """Whether this version of storeflow can tell if the data of an event are right, and what they mean."""
    version = schema_version(dataschema, event_type) or SCHEMA_VERSION
    return event_type in EVENT_MODELS and _number(version) <= _number(SCHEMA_VERSION)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
