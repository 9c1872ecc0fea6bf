"""Which files of bronze are new: the store is listed from where each partition was when it was last refined."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cloud_functions.lake_port import Files
from cloud_functions.paths import BRONZE, LandedFile, hour_of

_LOOK_BACK_HOURS = 1
"""Files may land in an hour while the next is listed, and the hub's nodes disagree about the time by seconds."""


def partitions(files: Files) -> list[str]:
    """The folders of all partitions in bronze."""
    return [
        partition
        for namespace in files.folders(BRONZE)
        for hub in files.folders(namespace)
        for partition in files.folders(hub)
    ]


def first_hours(newest: Mapping[str, int], folders: list[str], now: datetime) -> dict[str, str]:
    """From which hour on each partition is listed: the one before that of its mark, and all where it has none.

    A partition that is idle holds up no other, nor makes it list more. Nor does a file of an hour that is not yet, by
    whose clock it may be, hide what lands meanwhile.

    Args:
        newest: the marks, in hours since 1970.
        folders: of all partitions.
        now: the time.
    """
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    this_hour = int((now - begin).total_seconds()) // 3600
    return {
        folder: hour_of(begin + timedelta(hours=min(newest[folder], this_hour) - _LOOK_BACK_HOURS))
        if folder in newest
        else ""
        for folder in folders
    }


def landed_since(files: Files, first: Mapping[str, str]) -> list[LandedFile]:
    """The files of all partitions from those hours on, as time went by."""
    return sorted(
        file
        for partition, since in first.items()
        for hour in _hours(files, partition, since)
        for path in files.files(f"{partition}/{hour}")
        if (file := LandedFile.at(path))
    )


def _hours(files: Files, partition: str, since: str) -> list[str]:
    """The hours of a partition from `since` on, as `year/month/day/hour`, oldest first."""
    found = [""]
    for _ in range(4):
        found = [
            name
            for before in found
            for folder in files.folders(f"{partition}/{before}".rstrip("/"))
            if (name := folder.removeprefix(f"{partition}/")) >= since[: len(name)]
        ]
    return found
