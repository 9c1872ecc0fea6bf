"""Asks Microsoft's analyser of KQL, the one behind its editors, what is wrong with queries, and what they return."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from local_azure.azurite.node import Node

_PROGRAM = Path(__file__).with_name("kql.js")
_SECONDS = 60


@dataclass(frozen=True)
class Analysed:
    """What is said of one query.

    Attributes:
        faults: each with the character where it is, from 0.
        columns: of the result; those it could make out, where there are faults.
    """

    faults: tuple[str, ...]
    columns: tuple[str, ...]


def analyse(
    queries: Mapping[str, str], tables: Mapping[str, pa.Schema], node: Node, packages: Path
) -> dict[str, Analysed]:
    """Analyse queries of external tables that have these columns.

    Args:
        queries: by any name.
        tables: the columns of each external table, by its name.
        node: a Node.
        packages: the folder that `installation.install` returned.

    Raises:
        subprocess.CalledProcessError: the analyser itself failed.
    """
    asked = {
        "tables": {
            name: ", ".join(f"['{field.name}']:{kusto_type(field.type)}" for field in columns)
            for name, columns in tables.items()
        },
        "queries": dict(queries),
    }
    run = subprocess.run(  # noqa: S603 - the Node that was found, no shell
        [node.executable, str(_PROGRAM), str(packages)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS,
    )
    return {
        name: Analysed(tuple(f"{fault['at']}: {fault['message']}" for fault in said["faults"]), tuple(said["columns"]))
        for name, said in json.loads(run.stdout).items()
    }


def kusto_type(kind: pa.DataType) -> str:
    """The type that an external Delta table has in Kusto (kusto/query/scalar-data-types).

    Raises:
        TypeError: a type that no table of the lake has.
    """
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "datetime"
    for is_one, name in (
        (pa.types.is_string, "string"),
        (pa.types.is_integer, "long"),
        (pa.types.is_floating, "real"),
        (pa.types.is_boolean, "bool"),
    ):
        if is_one(kind):
            return name
    raise TypeError(f"{kind}: say what it is in Kusto")
