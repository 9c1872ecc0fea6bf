"""`storeflow`: the command line.

Everywhere `--out` is a folder and `--to` a file, `--camera` an address and `--camera-id` a name, `--wait` how long to
wait for an answer and `--seconds` how long to work. What the exit codes mean is said in `help_text.py`.
"""

import argparse
import sys
from importlib import import_module
from typing import NamedTuple

from storeflow.cli.help_text import ExitCode, add_actions, describe
from storeflow.errors import ConfigError, StoreflowError, TransportError


class Command(NamedTuple):
    """One command."""

    what: str
    """It does."""
    module: str
    """Below `storeflow.cli`; imported only when the command is called: who edits twins needs no OpenCV."""
    extra: str
    """Of pyproject.toml: it has all that the command imports."""


COMMANDS = {
    "run": Command("count in one clip or live", "count.command", "local"),
    "evaluate": Command("compare with the truth of a clip", "evaluate.command", "local"),
    "demo": Command("play the sample store (make run)", "demo.command", "local"),
    "trace": Command("follow one event of make run", "trace.command", "local"),
    "schemas": Command("write the JSON Schemas of events and twins", "schemas", "admin"),
    "twin": Command("check, show and edit module twins", "twin.command", "admin"),
    "migrate": Command("take over another product's configuration", "migrate.command", "admin"),
    "manifest": Command("check, render and measure deployments", "manifest.command", "admin"),
}

_OURS = ("storeflow", "modules", "local_azure", "tools")


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its `ExitCode`."""
    given = sys.argv[1:] if arguments is None else arguments
    called = next((one for one in given if not one.startswith("-")), "")
    try:
        options = parser_of(called).parse_args(given)
        status: int = options.command(options)
    except ConfigError as error:
        several = ["this can't be used as it is:"] if len(error.problems) > 1 else []
        print("storeflow: " + "\n  ".join([*several, *error.problems]), file=sys.stderr)
        return ExitCode.MISTAKE
    except StoreflowError as error:
        print(f"storeflow: {error}", file=sys.stderr)
        return ExitCode.NO_ANSWER if isinstance(error, TransportError) else ExitCode.MISTAKE
    except OSError as error:
        about = "" if error.filename is None else f"{error.filename}: "
        print(f"storeflow: {about}{error.strerror or error}", file=sys.stderr)
        return ExitCode.MISTAKE
    except ImportError as error:
        if (error.name or "").partition(".")[0] in _OURS:
            raise
        print(f"storeflow: {_lacking(called, error)}", file=sys.stderr)
        return ExitCode.MISTAKE
    except KeyboardInterrupt:
        print("storeflow: stopped", file=sys.stderr)
        return ExitCode.STOPPED
    return status


def parser_of(called: str) -> argparse.ArgumentParser:
    """The whole command line, with the arguments of the command that is called."""
    parser = argparse.ArgumentParser(prog="storeflow")
    about = "A shop's cameras as numbers its people trust. `storeflow COMMAND --help` says more of a command."
    describe(parser, about, ["run --help"])
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = add_actions(parser, "COMMAND")
    for name, command in COMMANDS.items():
        if name == called:
            import_module(f"storeflow.cli.{command.module}").add(commands)
        else:
            commands.add_parser(name, help=command.what)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        # Imported when it is asked for: it takes longer than all else here, and a Ctrl-C before `main` is a traceback.
        print(f"storeflow {import_module('importlib.metadata').version('storeflow')}")
        parser.exit()


def _lacking(called: str, error: ImportError) -> str:
    """What a command needs and can't import, and how to come by it: storeflow is in no package index."""
    install = f"pip install -e '.[{COMMANDS[called].extra}]' in a checkout of storeflow"
    if isinstance(error, ModuleNotFoundError):
        return f"{called} needs {error.name}, which is not installed: {install}"
    # NumPy's own text is a page; what it was raised from is the fact.
    fact = str(error.__cause__ or error).strip().partition("\n")[0]
    what = error.name or "a package that is installed"
    return f"{called} can't load {what} ({fact}): in a new environment, {install}"


if __name__ == "__main__":
    raise SystemExit(main())
