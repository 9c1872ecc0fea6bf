"""The workload API: how a module gets its trust bundle and has its tokens signed.

On a device aziot-edged serves it on a Unix socket (Azure/iotedge, edgelet/edgelet-http-workload/src:
`trust_bundle.rs`, `module/data/sign.rs`; it tells callers apart by process id, which this stand-in
does not). The SDK calls it from `IoTEdgeHsm` in azure/iot/device/iothub/edge_hsm.py.
"""

import asyncio
import base64
import binascii
from http import HTTPStatus
from typing import Any

from local_azure.edge_hub.authentication import module_key, sign
from local_azure.edge_hub.faults import Faults
from local_azure.http_server import HttpError, Request


class WorkloadApi:
    """Serves `GET /trust-bundle` and `POST /modules/{id}/genid/{generation}/sign`."""

    def __init__(self, master_key: bytes, trust_bundle: str, faults: Faults) -> None:
        self._master_key = master_key
        self._trust_bundle = trust_bundle
        self._faults = faults

    async def handle(self, request: Request) -> dict[str, Any]:
        """Answer one request.

        Raises:
            HttpError: 404 for other paths, 400 for data that is not base64, 500 while
                `Faults.sign_fail` lasts.
        """
        match (request.method, *request.parts):
            case ("GET", "trust-bundle"):
                return {"certificate": self._trust_bundle}
            case ("POST", "modules", module_id, "genid", _, "sign"):
                return await self._sign(module_id, request.fields())
            case _:
                raise HttpError(HTTPStatus.NOT_FOUND, f"no {request.method} /{'/'.join(request.parts)}")

    async def _sign(self, module_id: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._faults.take("sign_fail", module_id):
            raise HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "fault sign_fail")
        if self._faults.applies_to(module_id):
            await asyncio.sleep(self._faults.sign_delay)
        try:
            data = base64.b64decode(body["data"], validate=True)
        except (KeyError, TypeError, binascii.Error) as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, f"data: {error!r}") from error
        return {"digest": sign(module_key(self._master_key, module_id), data)}
