"""An event as the router carries it on: byte for byte as it came, its data checked as far as they are known."""

from pydantic import ValidationError
from pydantic_core import from_json

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.envelope import Envelope
from storeflow.contract.faults import first_fault
from storeflow.errors import ContractError
from storeflow.host.module import RawEvent


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
    known = envelope.is_known
    if known:
        CloudEvent.from_json(body)
    event = RawEvent(
        source=envelope.source,
        id=envelope.id,
        type=envelope.type,
        schema_version=envelope.schema_version,
        store_id=envelope.store_id,
        body=body,
        traceparent=envelope.trace,
    )
    return event, known
