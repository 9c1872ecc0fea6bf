"""`storeflow`: the command line."""

import argparse
import sys
from importlib import import_module
from importlib.metadata import version

from storeflow.errors import ConfigError, StoreflowError

COMMANDS = {
    "run": "count in one clip or live",
    "evaluate": "compare with the truth of a clip",
    "demo": "play the sample store (make run)",
    "schemas": "write the JSON Schemas of events and twins",
    "twin": "check, show and edit module twins",
    "migrate": "take over another product's configuration",
    "manifest": "check, render and measure deployments",
}
"""What each does. `storeflow.cli.<name>` is imported only when it is called: who edits twins needs no OpenCV."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 for success, 1 for a result that is not what it should be, 2 for a mistake in the call."""
    given = sys.argv[1:] if arguments is None else arguments
    called = next((one for one in given if not one.startswith("-")), "")
    try:
        options = _parser(called).parse_args(given)
        status: int = options.command(options)
    except ConfigError as error:
        print("storeflow: this can't be used as it is:", *error.problems, sep="\n  ", file=sys.stderr)
        return 2
    except StoreflowError as error:
        print(f"storeflow: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        about = "" if error.filename is None else f"{error.filename}: "
        print(f"storeflow: {about}{error.strerror or error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(("storeflow", "modules", "local_azure", "tools")):
            raise
        print(f"storeflow: {called} needs {error.name}: pip install 'storeflow[local]' has it", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("storeflow: stopped", file=sys.stderr)
        return 130
    return status


def _parser(called: str) -> argparse.ArgumentParser:
    """The whole command line, with the arguments of the command that is called."""
    parser = argparse.ArgumentParser(prog="storeflow", description="A shop's cameras as numbers its people trust.")
    parser.add_argument("--version", action="version", version=f"storeflow {version('storeflow')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, what in COMMANDS.items():
        if name == called:
            import_module(f"storeflow.cli.{name}").add(commands)
        else:
            commands.add_parser(name, help=what)
    return parser
