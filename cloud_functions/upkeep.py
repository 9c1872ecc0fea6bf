"""What a timer does at night: many small files become few, and files that no version needs any more are deleted."""

import logging

from cloud_functions.lake.gold.facts import FACTS
from cloud_functions.lake.ledger import FILES
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import Lake, tidy, vacuum
from cloud_functions.rebuild import GOLD
from storeflow.errors import StorageError

LOG = logging.getLogger(__name__)

KEEP_HOURS = 7 * 24
"""For how long a table can be read as it was (Delta's time travel), and for how long a reader or a commit may take."""

_ORDER = dict.fromkeys((EVENTS.name, *(fact.form.name for fact in FACTS)), "store_id")
"""What is asked is of some stores and of whole days, and what is looked for by `source` is of one store as a rule."""


def upkeep(lake: Lake, keep_hours: int = KEEP_HOURS) -> dict[str, tuple[int, int]]:
    """Tidy and vacuum every table; return how many files each had taken together, and deleted.

    Args:
        lake: whose tables.
        keep_hours: for how long. With less than one a commit under way may lose its files.

    Raises:
        StorageError: of some tables the store refused, or somebody else was faster. All others are done.
    """
    done: dict[str, tuple[int, int]] = {}
    failed: list[str] = []
    for form in (EVENTS, FILES, *GOLD):
        try:
            table = lake.open(form)
            done[form.name] = tidy(table, form, _ORDER.get(form.name, "")), vacuum(table, keep_hours)
        except StorageError as error:
            LOG.warning("upkeep of %s: %s", form.name, error)
            failed.append(f"{form.name}: {error}")
    if failed:
        raise StorageError(f"upkeep of {len(failed)} of {len(failed) + len(done)} tables failed: {'; '.join(failed)}")
    return done
