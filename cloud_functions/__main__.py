"""`python -m cloud_functions <command>`: what an administrator does by hand, with the settings of the function app.

refine         what the timer does
upkeep         what the timer does at night
replay         judge what is in quarantine again
rebuild NAME   make silver and gold anew from bronze, in the folder NAME of the lake; say whether gold is the same
"""

import argparse
import logging
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime

from cloud_functions import storage
from cloud_functions.lake.tables import Lake
from cloud_functions.rebuild import differences, rebuild
from cloud_functions.refine import refine
from cloud_functions.replay import replay
from cloud_functions.settings import Settings
from cloud_functions.stores import PATH, Stores
from cloud_functions.upkeep import upkeep
from storeflow.errors import StoreflowError

LOG = logging.getLogger("cloud_functions")


def main(arguments: list[str] | None = None) -> int:
    """Do it; return 0, 1 where a rebuild differs, 2 where something is wrong."""
    parser = argparse.ArgumentParser(prog="cloud_functions", description=__doc__, formatter_class=_Raw)
    parser.add_argument("command", choices=("refine", "upkeep", "replay", "rebuild"))
    parser.add_argument("name", nargs="?", help="of rebuild: a folder that is not there yet")
    asked = parser.parse_args(arguments)
    if (asked.command == "rebuild") != bool(asked.name):
        parser.error("rebuild needs the name of a folder, and nothing else takes one")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        return _do(asked.command, asked.name, Settings.of(os.environ))
    except StoreflowError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's words
        return 2


class _Raw(argparse.RawDescriptionHelpFormatter):
    """The description as it is written above."""


def _do(command: str, name: str | None, settings: Settings) -> int:
    files, lake, now = storage.open_files(settings), Lake(storage.delta_place(settings)), datetime.now(UTC)
    stores = Stores.from_json(files.read(PATH))
    if command == "refine":
        refine(files, lake, stores, now)
    elif command == "upkeep":
        for table, (taken, deleted) in upkeep(lake).items():
            LOG.info("%s: %d files taken together, %d deleted", table, taken, deleted)
    elif command == "replay":
        LOG.info("%d events landed, %d lines stay in quarantine", *replay(files, stores, now))
    else:
        beside = Lake(storage.delta_place(replace(settings, tables=str(name))))
        run = rebuild(files, beside, stores, now)
        refine(files, lake, stores, now)
        found = differences(lake, beside)
        LOG.info("%d events; gold is %s", run.events, "the same" if not found else f"another in rows: {found}")
        return 1 if found else 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
