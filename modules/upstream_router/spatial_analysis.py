"""Documents of Azure Spatial Analysis: out of their envelope, for readers that were built for that service."""

import json
from dataclasses import replace

from storeflow.errors import ContractError
from storeflow.host.module import RawEvent


def bare_document(event: RawEvent) -> RawEvent:
    """The same event, with nothing but its document for a body: every field of it, in its order, also unknown ones.

    Raises:
        ContractError: there is no document in it.
    """
    data = json.loads(event.body).get("data")
    document = data.get("document") if isinstance(data, dict) else None
    if not isinstance(document, dict):
        raise ContractError("event.data.document: an object was expected")
    return replace(event, body=json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
