"""What a timer does at night: many small files become few, and files that no version needs any more are deleted."""

from cloud_functions.lake.gold.facts import FACTS
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import Lake, tidy, vacuum
from cloud_functions.rebuild import GOLD

KEEP_HOURS = 7 * 24
"""For how long a table can be read as it was (Delta's time travel), and for how long a reader may take."""

_ORDER = {EVENTS.name: ("captured_at",), **{fact.form.name: ("store_id", "window_start") for fact in FACTS}}


def upkeep(lake: Lake, keep_hours: int = KEEP_HOURS) -> dict[str, tuple[int, int]]:
    """Tidy and vacuum every table; return how many files each had taken together, and deleted.

    Raises:
        StorageError: the store refused; what is done is done.
    """
    done = {}
    for form in (EVENTS, *GOLD):
        table = lake.open(form)
        done[form.name] = tidy(table, form, _ORDER.get(form.name, ())), vacuum(table, keep_hours)
    return done
