"""Loads a function app and asks `azure.functions` what functions it has.

Sources: Azure/azure-functions-python-worker, `loader.py` (`index_function_app`: one FunctionApp in `function_app.py`)
and `functions.py` (`add_indexed_function`: which annotations are refused); functions-reference-python ("Folder
structure"); functions-disable-function.
"""

import importlib
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions import meta

from local_azure.functions_host.retries import RetryPolicy
from local_azure.functions_host.settings import expand
from storeflow.errors import ConfigError

MAIN = "function_app"
TRIGGERS = ("eventHubTrigger", "timerTrigger", "httpTrigger", "eventGridTrigger")

converters: Any = meta.get_binding_registry()  # type: ignore[no-untyped-call]
"""The library's converters of bindings, by name."""


@dataclass(frozen=True)
class Function:
    """One function of an app.

    Attributes:
        trigger: its properties by their names in `function.json`, settings put in.
        retry: what it says about failing; None for nothing.
        wants_context: it has a parameter `context`.
    """

    name: str
    call: Callable[..., Any]
    trigger: Mapping[str, Any]
    retry: RetryPolicy | None
    wants_context: bool

    @property
    def is_async(self) -> bool:
        """Whether it is a coroutine function."""
        return inspect.iscoroutinefunction(self.call)

    def decode(self, data: "meta.Datum", metadata: "Mapping[str, meta.Datum] | None" = None) -> Any:
        """Return what the function is given, as the library converts it."""
        return converters.get(self.trigger["type"]).decode(data, trigger_metadata=metadata or {})


def load_functions(app: Path, environment: Mapping[str, str]) -> list[Function]:
    """Import the app and return its functions, without those that settings disable.

    Raises:
        ConfigError: the app cannot be imported, or has what this host does not run.
    """
    if not (app / f"{MAIN}.py").is_file():
        raise ConfigError([f"{app}: there is no {MAIN}.py"])
    try:
        module = importlib.import_module(MAIN)
        apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
        indexed: list[Any] = [function for each in apps for function in each.get_functions()]
    except Exception as error:
        raise ConfigError([f"{MAIN}.py cannot be indexed: {type(error).__name__}: {error}"]) from error
    if len(apps) != 1:
        raise ConfigError([f"{MAIN}.py: expected one FunctionApp at its top level, found {len(apps)}"])
    enabled = [each for each in indexed if not _disabled(each.get_function_name(), environment)]
    return [_read(each, environment) for each in enabled]


def _disabled(name: str, environment: Mapping[str, str]) -> bool:
    return environment.get(f"AzureWebJobs.{name}.Disabled", "").lower() in {"true", "1"}


def _read(indexed: Any, environment: Mapping[str, str]) -> Function:
    name, call = indexed.get_function_name(), indexed.get_user_function()
    trigger = {
        key: expand(value, environment) if isinstance(value, str) else value
        for key, value in indexed.get_trigger().get_dict_repr().items()
    }
    kind, argument = trigger["type"], trigger["name"]
    problems = [] if kind in TRIGGERS else [f"{name}: {kind} is not run here, only {', '.join(TRIGGERS)}"]
    outputs = {each.type for each in indexed.get_bindings()} - {*TRIGGERS, "http"}
    problems += [f"{name}: the binding {each} is not run here" for each in sorted(outputs - {kind})]
    parameters = inspect.signature(call).parameters
    if argument not in parameters:
        problems.append(f"{name}: it has no parameter {argument!r}, which its trigger fills")
    elif kind in TRIGGERS:
        annotation = typing.get_type_hints(call).get(argument)
        # The library knows typing.List and refuses list: so does the worker in Azure.
        if annotation is not None and not converters.get(kind).check_input_type_annotation(annotation):
            problems.append(f"{name}: {kind} cannot fill {argument!r}: {annotation} (write typing.List, not list)")
    if problems:
        raise ConfigError(problems)
    retry = indexed.get_settings_dict("retry_policy")
    return Function(name, call, trigger, RetryPolicy.read(retry) if retry else None, "context" in parameters)
