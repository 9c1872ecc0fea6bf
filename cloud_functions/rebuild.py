"""Makes silver and gold anew from bronze, beside those that are there, and says whether they are the same."""

from datetime import datetime

import pyarrow as pa

from cloud_functions.lake.gold.completeness import COMPLETENESS
from cloud_functions.lake.gold.dimensions import DIMENSIONS
from cloud_functions.lake.gold.due import DUE
from cloud_functions.lake.gold.facts import FACTS
from cloud_functions.lake.tables import Lake, TableForm, query
from cloud_functions.lake_port import Files
from cloud_functions.refine import Run, refine
from cloud_functions.stores import Stores

GOLD = (*(fact.form for fact in FACTS), COMPLETENESS, *DIMENSIONS, DUE)


def rebuild(files: Files, beside: Lake, stores: Stores, now: datetime) -> Run:
    """Refine all of bronze into tables that are not there yet.

    Raises:
        StorageError: the store refused; do it again, and it goes on.
    """
    return refine(files, beside, stores, now)


def differences(one: Lake, other: Lake) -> dict[str, int]:
    """How many rows of each table of gold are in one of the two alone; those that have none are left out."""
    found = {form.name: _alone(one, other, form) + _alone(other, one, form) for form in GOLD}
    return {name: number for name, number in found.items() if number}


def _alone(one: Lake, other: Lake, form: TableForm) -> int:
    sql = "SELECT COUNT(*) AS n FROM (SELECT * FROM a EXCEPT ALL SELECT * FROM b)"
    rows: pa.Table = query(sql, a=one.open(form), b=other.open(form))
    return int(rows["n"][0].as_py())
