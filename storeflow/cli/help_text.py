"""How every command describes itself: what it does, an example, and its exit codes, which mean the same everywhere."""

import argparse
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name
"""What a command is added to."""


class ExitCode(IntEnum):
    """What a command ends with."""

    FINE = 0
    NOT_IN_ORDER = 1
    MISTAKE = 2
    NO_ANSWER = 3
    STOPPED = 130


MEANING: Mapping[ExitCode, str] = {
    ExitCode.FINE: "fine",
    ExitCode.NOT_IN_ORDER: "what was looked at is not in order, or a change was refused",
    ExitCode.MISTAKE: "a mistake in the call, or a file that can't be read or used",
    ExitCode.NO_ANSWER: "nobody answered: no hub, module or camera",
    ExitCode.STOPPED: "stopped with Ctrl-C",
}
_ALWAYS = (ExitCode.MISTAKE, ExitCode.STOPPED)
_WIDEST = 100


def describe(
    parser: argparse.ArgumentParser, about: str, examples: Sequence[str], exits: Mapping[ExitCode, str] | None = None
) -> None:
    """Give a command its description, examples and exit codes.

    Args:
        parser: of the command.
        about: what it does, in a sentence or a few.
        examples: calls that can be typed as they are, without `storeflow`.
        exits: what a code means for this command, in words of its own; those of `MEANING` for every other command.
    """
    said = MEANING if exits is None else {**{code: MEANING[code] for code in _ALWAYS}, **exits}
    codes = "\n".join(f"  {code:<5}{said[code]}" for code in sorted(said))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = textwrap.fill(about, min(_WIDEST, shutil.get_terminal_size().columns - 2))
    calls = "\n".join(f"  storeflow {example}" for example in examples)
    parser.epilog = f"example{'s' if len(examples) > 1 else ''}:\n{calls}\n\nexit codes:\n{codes}"


def add_actions(parser: argparse.ArgumentParser, metavar: str) -> Commands:
    """Let a command have commands of its own; called without one, it prints the list of them."""

    def print_help(_: argparse.Namespace) -> int:
        parser.print_help()
        return ExitCode.FINE

    parser.set_defaults(command=print_help)
    return parser.add_subparsers(metavar=metavar)
