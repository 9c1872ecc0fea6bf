"""`storeflow`: the command line."""

import argparse
import sys

from storeflow.cli import demo, evaluate, manifest, migrate, run, schemas, twin
from storeflow.errors import ConfigError, StoreflowError

COMMANDS = (run, evaluate, demo, schemas, twin, migrate, manifest)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 for success, 1 for a result that is not what it should be, 2 for a mistake in the call."""
    parser = argparse.ArgumentParser(prog="storeflow", description="A shop's cameras as numbers its people trust.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    options = parser.parse_args(arguments)
    try:
        status: int = options.command(options)
    except ConfigError as error:
        print("storeflow: this can't be used as it is:", *error.problems, sep="\n  ", file=sys.stderr)
        return 2
    except StoreflowError as error:
        print(f"storeflow: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("storeflow: stopped", file=sys.stderr)
        return 130
    return status
