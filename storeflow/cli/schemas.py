"""`storeflow schemas`: write the JSON Schema of every event and every twin section, and the AsyncAPI document."""

import argparse
from pathlib import Path

from storeflow.cli import asyncapi
from storeflow.cli.help_text import Commands, ExitCode, describe
from storeflow.cli.out_folder import make_folder, naming
from storeflow.contract.schema import schema_files


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("schemas", help="write the JSON Schemas of events and twins")
    describe(
        parser,
        "Write the JSON Schema of every event and every section of a twin, and an AsyncAPI document of the events.",
        ["schemas --out schemas/v1"],
        {ExitCode.FINE: "the folder holds exactly the schemas of today"},
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="a schema of what is no more is deleted there"
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Write them."""
    folder: Path = options.out
    files = schema_files() | {asyncapi.FILE: asyncapi.asyncapi_text()}
    make_folder(folder)
    for pattern in ("storeflow.*.json", "twin.*.json"):
        for path in folder.glob(pattern):
            if path.name not in files:
                path.unlink()
    for name, text in files.items():
        with naming(folder / name) as path:
            path.write_text(text, encoding="utf-8")
    print(f"{len(files)} files in {folder}")
    return ExitCode.FINE
