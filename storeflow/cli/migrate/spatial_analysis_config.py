"""Finding the configuration of Azure Spatial Analysis in whatever file it was kept in.

Microsoft's sources (MicrosoftDocs/azure-docs, articles/ai-services/computer-vision): the parameters of a graph are in
"Spatial Analysis operations", section "Operation parameters"; graphs with several instances in its section "Deploy
Spatial Analysis operations at scale"; the module's `env` in "Install and run the Spatial Analysis container".
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from storeflow.errors import ConfigError

CONFIG = "SPACEANALYTICS_CONFIG"
_DESIRED = "properties.desired"


@dataclass
class Graph:
    """One camera's part of the configuration: an operation, or one instance of it."""

    name: str
    """Where it was found, for anyone who has to find it again."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Those of the operation, and over them those of the instance."""
    enabled: bool = True

    def config(self) -> dict[str, Any]:
        """Its lines and zones, as the service was given them.

        Raises:
            ConfigError: there are none, or they are no JSON.
        """
        config = self.parameters.get(CONFIG)
        if isinstance(config, str):
            try:
                config = json.loads(config)
            except ValueError as error:
                raise ConfigError([f"{self.name}: {CONFIG} is not JSON: {error}"]) from error
        if not isinstance(config, dict):
            raise ConfigError([f"{self.name}: {CONFIG} is missing, or no object"])
        return config


def find_graphs(document: Any) -> list[Graph]:
    """Every graph of a document, in its order.

    The document is a `SPACEANALYTICS_CONFIG` (an object, or the string that holds one), the parameters of a graph, a
    graph, a module twin, or a deployment manifest in which any module has graphs or the configuration in its `env`.

    Raises:
        ConfigError: it is none of these.
    """
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError as error:
            raise ConfigError([f"a string that is no JSON: {error}"]) from error
    if not isinstance(document, dict):
        raise ConfigError([f"an object was expected, got {type(document).__name__}"])
    graphs = list(_in_document(document))
    if not graphs:
        raise ConfigError([f"neither graphs nor a {CONFIG}, nor the lines and zones of one, are in it"])
    return graphs


def _in_document(document: Mapping[str, Any]) -> Iterator[Graph]:
    """The graphs of an object, by the key that says what it is."""
    if "zones" in document or "lines" in document:
        yield Graph("document", {CONFIG: document})
    elif "modulesContent" in document:
        yield from _in_manifest(_object(document["modulesContent"]))
    elif "graphs" in document:
        for name, graph in _object(document["graphs"]).items():
            yield from _in_graph(name, _object(graph))
    elif CONFIG in document:
        yield Graph("document", dict(document))
    elif "parameters" in document or "instances" in document:
        yield from _in_graph("document", document)
    else:  # a twin, or a deployment as IoT Hub gives it back
        for key in ("content", "properties", "desired", _DESIRED):
            if key in document:
                yield from _in_document(_object(document[key]))


def _in_manifest(modules: Mapping[str, Any]) -> Iterator[Graph]:
    for name, twin in modules.items():
        desired = _object(_object(twin).get(_DESIRED))
        layered = _object(_object(twin).get(f"{_DESIRED}.graphs"))
        yield from _in_document({"graphs": {**_object(desired.get("graphs")), **layered}})
        if name == "$edgeAgent":
            for module_id, module in _object(desired.get("modules")).items():
                variables = _object(_object(module).get("env"))
                parameters = {
                    key: _object(entry).get("value")
                    for key, entry in variables.items()
                    if key.startswith(("VIDEO_", "INPUT_VIDEO_")) or key.endswith("_CONFIG")
                }
                if CONFIG in parameters:
                    yield Graph(f"{module_id}.env", parameters)


def _in_graph(name: str, graph: Mapping[str, Any]) -> Iterator[Graph]:
    enabled = graph.get("enabled") is not False
    parameters = _object(graph.get("parameters"))
    for shared in _object(graph.get("sharedNodes")).values():
        parameters = {**_object(_object(shared).get("parameters")), **parameters}
    instances = _object(graph.get("instances"))
    if not instances:
        yield Graph(name, parameters, enabled)
    for number, instance in instances.items():
        own = _object(_object(instance).get("parameters"))
        running = enabled and _object(instance).get("enabled") is not False
        yield Graph(f"{name}.instances.{number}", {**parameters, **own}, running)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
