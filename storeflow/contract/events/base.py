"""What every store event says of itself, whatever it is about."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from storeflow.contract.events.privacy import Impersonal, Personal, Pseudonymous
from storeflow.contract.instant import Instant

SCHEMA_VERSION = "1.0"
Direction = Literal["in", "out"]
Censored = Literal["start", "end", "both"]
TrackId = Annotated[str, Field(min_length=1)]
_SCHEMA_URN = "urn:storeflow:schema:"


def schema_urn(name: str) -> str:
    """The name of a schema of today: of an event's type, or of `twin.<section>`."""
    return f"{_SCHEMA_URN}{SCHEMA_VERSION}:{name}"


def schema_version(urn: str, event_type: str) -> str | None:
    """`major.minor` of what `schema_urn` named, by whichever version of storeflow; none where it named nothing so."""
    found = re.fullmatch(rf"{_SCHEMA_URN}(\d{{1,9}}\.\d{{1,9}}):{re.escape(event_type)}", urn)
    return found[1] if found else None


class StoreEvent(BaseModel):
    """What every event says of itself."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    event_type: ClassVar[str]
    importance: ClassVar[int] = 2
    """A full outbox drops the events of 0 first, then those of 1: figures are made of those of 2."""

    store_id: Impersonal[str]
    """The store."""
    captured_at: Impersonal[Instant]
    """When it happened in front of the camera; of a number of people, when the change was certain; of coverage, the
    newest frame that it is about; of a footfall window, the newest crossing or frame in it; of a heartbeat, when it was
    made. UTC."""


class CameraEvent(StoreEvent):
    """An event of one camera."""

    camera_id: Impersonal[str]
    """The camera, by its name in the configuration."""


class DecidedEvent(CameraEvent):
    """An event that zone_analytics decided from the tracks of one camera and a layout."""

    config_version: Impersonal[int]
    """`$version` of the layout that was in force: which line, drawn where."""
    model_version: Impersonal[str]
    """The detector that looked, `<name>@<first 12 digits of its sha256>`; several are joined with `+`."""


class PersonEvent(DecidedEvent):
    """An event of one person: what it says of them is personal data, and so is the time."""

    captured_at: Personal[Instant]
    """When it happened in front of the camera. UTC."""
    track_id: Pseudonymous[TrackId]
    """Tells people of one visit apart and nothing more: the same person has another one on another camera, after 2 s
    out of view, and after a restart. Compare it and nothing else: it has no form to rely on, and may hold `@`."""
