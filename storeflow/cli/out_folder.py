"""The folder that a command writes its results to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storeflow.errors import ConfigError

EVENTS, SUMMARY, HEAT_MAP, ANNOTATED = "events.ndjson", "summary.json", "heatmap.png", "annotated.mp4"
LAKE, LAKE_FOLDER = "lake.json", "lake"
OVERWRITE_HELP = "replace the results of an earlier run that are in the folder"


def make_folder(folder: Path) -> None:
    """Make a folder, if it is not there.

    Raises:
        ConfigError: a file is in its place.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigError([f"--out {folder}: a file is in its place; name a folder"]) from error


def make_folder_of_results(folder: Path, *, overwrite: bool) -> None:
    """Make a folder for the results of a run; none of another run are in it afterwards.

    Raises:
        ConfigError: a file is in its place, or it holds the events of another run and these may not be overwritten.
    """
    make_folder(folder)
    if (folder / EVENTS).exists() and not overwrite:
        raise ConfigError([f"--out {folder}: has the {EVENTS} of an earlier run; name another folder, or --overwrite"])
    for name in (EVENTS, SUMMARY, HEAT_MAP, ANNOTATED):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[Path]:
    """Name the file in errors that don't: of a disk that is full, or a limit on the size of files."""
    try:
        yield path
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
