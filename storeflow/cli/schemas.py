"""`storeflow schemas`: write the JSON Schema of every event and every twin section."""

import argparse
from pathlib import Path

from storeflow.contract.schema import schema_files


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("schemas", help="write the JSON Schemas of events and twins", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder; a schema of what is no more is deleted there")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Write them; 0 when the folder holds exactly the schemas of today."""
    folder: Path = options.out
    files = schema_files()
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in ("storeflow.*.json", "twin.*.json"):
        for path in folder.glob(pattern):
            if path.name not in files:
                path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{len(files)} schemas in {folder}")
    return 0
