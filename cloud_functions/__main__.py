"""`python -m cloud_functions <command>`: what an administrator does by hand, with the settings of the function app.

refine         what the timer does; --again: read also those files again that could not be read
upkeep         what the timer does at night
replay         judge what is in quarantine again
rebuild NAME   make silver and gold anew from bronze, in the folder NAME of the lake; say whether gold is the same
as-of MOMENT   write figures as CSV, of what had landed by then, as this version and today's register read it
erase          take what leads to people out of bronze, quarantine, silver, gold and all older versions of them

Exit code 0: done; 1: a rebuild differs, or something could not be read, which is named; 2: something is wrong.
"""

import argparse
import logging
import os
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from cloud_functions import as_of, storage
from cloud_functions.erase import Erasure
from cloud_functions.erasure_wish import EARLIEST, LATEST, Wish
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
    """Do it; return 0, 1 or 2, as above."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        if asked.command == "as-of":
            return _write(_question(asked, parser), Settings.of(os.environ))
        wish = _wish(asked, parser) if asked.command == "erase" else None
        return _do(asked, wish, Settings.of(os.environ))
    except StoreflowError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's words
        return 2


class _Raw(argparse.RawDescriptionHelpFormatter):
    """The description as it is written above."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cloud_functions", description=__doc__, formatter_class=_Raw)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("upkeep", "replay"):
        commands.add_parser(name)
    commands.add_parser("refine").add_argument("--again", action="store_true", help="also what could not be read")
    commands.add_parser("rebuild").add_argument("name", help="a folder that is not there yet")
    known = commands.add_parser("as-of")
    known.add_argument("moment", type=_moment, metavar="MOMENT", help="what landed later is not known; UTC")
    known.add_argument("--fact", required=True, choices=as_of.NAMES, help="the table of gold")
    day: dict[str, Any] = {"required": True, "type": date.fromisoformat, "metavar": "DATE"}
    known.add_argument("--from", dest="since", help="the first day, of UTC", **day)
    known.add_argument("--to", dest="until", help="the first day that is not asked for", **day)
    known.add_argument("--store", action="append", help="whose figures, once for each store; all by default")
    erase = commands.add_parser("erase")
    erase.add_argument("--store", required=True, help="whose events")
    which = erase.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--track", metavar="SOURCE#TRACK", help="of one person: //<IoT hub>/<device>/<camera>#<track_id>"
    )
    which.add_argument("--before", type=_moment, metavar="DATE", help="of the time before a day, or a moment, in UTC")
    which.add_argument("--from", type=_moment, dest="since", metavar="DATE", help="of a time; with --to")
    which.add_argument("--all", action="store_true", help="everything; take the store out of config/stores.json first")
    erase.add_argument("--to", type=_moment, metavar="DATE", help="the first day, or moment, that is not erased")
    erase.add_argument("--dry-run", action="store_true", help="say how much it would be, and change nothing")
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _question(asked: argparse.Namespace, parser: argparse.ArgumentParser) -> as_of.Question:
    if asked.since >= asked.until:
        parser.error("--to is a day later than --from, at least")
    return as_of.Question(asked.moment, asked.fact, asked.since, asked.until, asked.store)


def _write(question: as_of.Question, settings: Settings) -> int:
    stores = Stores.from_json(storage.open_files(settings).read(PATH))
    as_of.write(Lake(storage.delta_place(settings)), stores, question, sys.stdout.buffer)
    return 0


def _wish(asked: argparse.Namespace, parser: argparse.ArgumentParser) -> Wish:
    if bool(asked.since) != bool(asked.to) or (asked.since and asked.since >= asked.to):
        parser.error("--from and --to need each other, and --to is the later one")
    if asked.track:
        return Wish.of_track(asked.store, asked.track)
    since, until = asked.since or EARLIEST, asked.to or asked.before or LATEST
    return Wish(asked.store, since=since, until=until, everything=asked.all)


def _do(asked: argparse.Namespace, wish: Wish | None, settings: Settings) -> int:
    files, lake, now = storage.open_files(settings), Lake(storage.delta_place(settings)), datetime.now(UTC)
    stores = Stores.from_json(files.read(PATH))
    if wish is not None:
        erasure = Erasure(files, lake, stores, wish)
        erased = erasure.would() if asked.dry_run else erasure.run(now)
        words = "would be erased" if asked.dry_run else "erased"
        LOG.info("%d lines of bronze and %d of quarantine %s; %d rows of silver", *erased[:2], words, erased.rows)
        return _named(erased.unread, "may hold what should be erased")
    if asked.command == "refine":
        run = refine(files, lake, stores, now, again=asked.again)
        if run.unreadable:
            LOG.warning("%d lines, or whole files, can't become rows: silver/files says which and why", run.unreadable)
            return 1
    elif asked.command == "upkeep":
        for table, (taken, deleted) in upkeep(lake).items():
            LOG.info("%s: %d files taken together, %d deleted", table, taken, deleted)
    elif asked.command == "replay":
        landed, left, unread = replay(files, stores, now)
        LOG.info("%d events landed, %d lines stay in quarantine", landed, left)
        return _named(unread, "stay as they are")
    else:
        beside = Lake(storage.delta_place(replace(settings, tables=asked.name)))
        run = rebuild(files, beside, stores, now)
        refine(files, lake, stores, now)
        found = differences(lake, beside)
        LOG.info("%d events; gold is %s", run.events, "the same" if not found else f"another in rows: {found}")
        return 1 if found else 0
    return 0


def _named(unread: tuple[str, ...], fate: str) -> int:
    """Name files that could not be read; return the exit code."""
    for path in unread:
        LOG.warning("%s: can't be read", path)
    if unread:
        LOG.warning("%d files can't be read, and %s", len(unread), fate)
    return 1 if unread else 0


if __name__ == "__main__":
    raise SystemExit(main())
