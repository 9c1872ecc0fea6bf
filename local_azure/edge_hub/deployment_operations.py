"""The hub's deployments: kept, changed by the service API, and brought to the device's twins.

Sources, learn.microsoft.com: rest/api/iothub/service/configuration (a PUT without `If-Match` creates, one with it
changes all but id and content), azure/iot-hub/troubleshoot-error-codes (other content is 400
`CannotModifyImmutableConfigurationContent`; README.md cites a report that says otherwise),
azure/iot-hub/iot-hub-automatic-device-management (IoT Hub looks at its deployments shortly after a change, here at
once, and then every five minutes). A look undoes an edit of a twin that a deployment says otherwise about
(Azure/iotedge, issues 5139 and 6913).
"""

import datetime as dt
import logging
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from local_azure.edge_hub.deployments import (
    MAX_DEPLOYMENTS,
    Deployment,
    read_deployment,
    stack,
    statuses,
)
from local_azure.edge_hub.preconditions import etag_matches, is_quoted
from local_azure.edge_hub.store import Store
from local_azure.edge_hub.target_conditions import parse_target_condition
from local_azure.edge_hub.twin_operations import DEVICE, TwinOperations
from local_azure.http_server import HttpError, Request
from storeflow.errors import ConfigError
from storeflow.iot_hub.deployments import desired_after, is_layered, read_content
from storeflow.iot_hub.twin_documents import Document

LOG = logging.getLogger(__name__)

INTERVAL_SECONDS = 300.0
"""Between two looks at the device's twins."""


class DeploymentOperations:
    """All deployments of the hub, kept in the store; there is one device for them."""

    def __init__(self, store: Store, twins: TwinOperations, device_id: str) -> None:
        self._store = store
        self._twins = twins
        self._device_id = device_id
        self._deployments = {name: Deployment(**kept) for name, kept in store.deployments().items()}
        self._failed: set[str] = set()

    def handle(self, request: Request, name: str = "") -> tuple[HTTPStatus, Any]:
        """Answer a request for `/configurations` or, with a name, `/configurations/{id}`.

        Returns:
            The status and the body.

        Raises:
            HttpError: 404, 409, 412, 413 or 400, as IoT Hub refuses it.
        """
        match request.method, bool(name):
            case "GET", False:
                return HTTPStatus.OK, [each.document() for each in self._deployments.values()]
            case "GET", True:
                return HTTPStatus.OK, self._existing(name).document()
            case "PUT", True:
                return self._put(name, request)
            case "DELETE", True:
                self._check_etag(self._existing(name), request)
                del self._deployments[name]
                self._store.delete_deployment(name)
                self.evaluate()
                return HTTPStatus.NO_CONTENT, None
        raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} is not served here", "InvalidOperation")

    def apply(self, content: Any) -> None:
        """Deploy to the device alone: every module named gets its `properties.desired`.

        Automatic deployments for the device take over when they are next looked at: IoT Edge doesn't combine
        both (module-deployment-monitoring).

        Raises:
            HttpError: 400 for content that IoT Hub would refuse, or with paths, which belong to layers.
        """
        try:
            modules = read_content(content)
        except ConfigError as error:
            raise _invalid_content(str(error)) from error
        if is_layered(modules):
            raise _invalid_content("a layered deployment is for automatic deployments, not for one device")
        for module_id, keys in modules.items():
            for desired in keys.values():
                self._change(module_id, desired)

    def evaluate(self) -> None:
        """Bring every twin to what the deployments ask for.

        A twin that would be over a limit stays as it was, and the deployments that name the module are not shown as
        applied.
        """
        self._failed.clear()
        applied = stack(self._deployments.values(), self._device())
        for module_id in sorted({name for deployment in applied for name in deployment.content}):
            self._twins.register(module_id)
            before = self._twins.twin(module_id).desired
            contents = [each.content[module_id] for each in applied if module_id in each.content]
            after = desired_after(before, contents)
            try:
                if after != before:
                    self._change(module_id, after)
            except ConfigError as error:
                LOG.warning("deployments cannot be applied to %s: %s", module_id, error)
                self._failed.add(module_id)

    def statuses(self, module_id: str) -> Document:
        """Return what a module's twin says of the deployments."""
        return statuses(self._deployments.values(), self._device(), module_id, self._failed.__contains__)

    def _change(self, module_id: str, desired: Document) -> None:
        self._twins.change(module_id, desired=desired, replace=True)

    def _device(self) -> Document:
        return {"deviceId": self._device_id, "tags": self._twins.twin(DEVICE).tags}

    def _put(self, name: str, request: Request) -> tuple[HTTPStatus, Any]:
        at = dt.datetime.now(dt.UTC).isoformat()
        before = self._deployments.get(name)
        if before is not None and not is_quoted(request.headers.get("if-match", "")):
            raise HttpError(HTTPStatus.CONFLICT, f"{name} is there already", "ConfigurationAlreadyExists")
        if before is None and "if-match" in request.headers:
            raise _not_found(name)
        newer = _read(name, request, at)
        if before is None:
            if len(self._deployments) >= MAX_DEPLOYMENTS:
                fact = f"there are {MAX_DEPLOYMENTS} deployments, no hub takes more"
                raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, fact, "ConfigurationCountLimitExceeded")
            after = newer
        else:
            self._check_etag(before, request)
            if newer.content != before.content:
                fact = "the content of a deployment stays what it is: delete it, or create another"
                raise HttpError(HTTPStatus.BAD_REQUEST, fact, "CannotModifyImmutableConfigurationContent")
            after = before.changed(newer, at)
        self._deployments[name] = after
        self._store.put_deployment(name, asdict(after))
        self.evaluate()
        return HTTPStatus.CREATED if before is None else HTTPStatus.OK, after.document()

    def _existing(self, name: str) -> Deployment:
        if name not in self._deployments:
            raise _not_found(name)
        return self._deployments[name]

    def _check_etag(self, deployment: Deployment, request: Request) -> None:
        if not etag_matches(request.headers.get("if-match", ""), deployment.etag):
            fact = f"{deployment.id} was changed: its etag is {deployment.etag}"
            raise HttpError(HTTPStatus.PRECONDITION_FAILED, fact, "PreconditionFailed")


def _read(name: str, request: Request, at: str) -> Deployment:
    fields = request.fields()
    condition = fields.get("targetCondition") or ""
    try:
        parse_target_condition(condition if isinstance(condition, str) else "")
    except ConfigError as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, str(error), "InvalidConfigurationTargetCondition") from error
    try:
        read_content(fields.get("content"))
    except ConfigError as error:
        raise _invalid_content(str(error)) from error
    return read_deployment(name, fields, at)


def _invalid_content(fact: str) -> HttpError:
    return HttpError(HTTPStatus.BAD_REQUEST, fact, "InvalidConfigurationContent")


def _not_found(name: str) -> HttpError:
    return HttpError(HTTPStatus.NOT_FOUND, f"there is no deployment {name}", "ConfigurationNotFound")
