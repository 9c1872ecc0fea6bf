"""The help of every command: what it does, an example that can be typed, and what its exit codes mean."""

import argparse
import shlex
from collections.abc import Iterator

import pytest

from storeflow.cli.help_text import ExitCode
from storeflow.cli.main import COMMANDS, main, parser_of


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, followed by those of its own commands, and of theirs."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from commands(one)


def every_command() -> list[argparse.ArgumentParser]:
    """The parsers of the whole command line: its commands are loaded one at a time."""
    found = {"storeflow": parser_of("")}
    for name in COMMANDS:
        mine = (one for one in commands(parser_of(name)) if one.prog.startswith(f"storeflow {name}"))
        found |= {one.prog: one for one in mine}
    return list(found.values())


EVERY = every_command()


def epilog_of(parser: argparse.ArgumentParser) -> tuple[list[str], dict[int, str]]:
    """The examples and the exit codes."""
    examples, _, codes = (parser.epilog or "").partition("\n\nexit codes:\n")
    lines = [line.strip().partition(" ")[::2] for line in codes.splitlines()]
    return [line.strip() for line in examples.splitlines()[1:]], {int(code): words.strip() for code, words in lines}


def test_all_commands_are_looked_at() -> None:
    assert {"storeflow", "storeflow run", "storeflow twin set", "storeflow migrate spatial-analysis"} <= {
        one.prog for one in EVERY
    }
    assert len(EVERY) == 1 + len(COMMANDS) + 5 + 3 + 1  # with the actions of twin, manifest and migrate


@pytest.mark.parametrize("parser", EVERY, ids=[one.prog for one in EVERY])
def test_every_command_says_what_it_does_with_an_example_and_its_exit_codes(parser: argparse.ArgumentParser) -> None:
    examples, codes = epilog_of(parser)
    assert (parser.description or "")[:1].isupper()
    assert (parser.description or "").endswith(".")
    assert {ExitCode.FINE, ExitCode.MISTAKE, ExitCode.STOPPED} <= codes.keys() <= set(ExitCode)
    assert all(codes.values())
    assert examples
    for example in examples:
        program, command, *more = shlex.split(example)
        assert (program, example.startswith(parser.prog)) == ("storeflow", True)
        if "--help" not in more:
            assert callable(parser_of(command).parse_args([command, *more]).command)


def test_no_two_commands_say_the_same_of_themselves() -> None:
    texts = [one.description for one in EVERY]
    assert len(set(texts)) == len(texts)


def test_an_option_means_the_same_in_every_command() -> None:
    metavars: dict[str, set[str]] = {}
    for parser in EVERY:
        for action in parser._actions:
            for option in action.option_strings:
                metavars.setdefault(option, set()).add(str(action.metavar or action.nargs))
    several = {option: names for option, names in metavars.items() if len(names) > 1}
    assert several == {}
    named = {option: metavars[option] for option in ("--out", "--to", "--camera", "--camera-id", "--wait")}
    assert named == {
        "--out": {"FOLDER"}, "--to": {"FILE"}, "--camera": {"URL"}, "--camera-id": {"ID"}, "--wait": {"SECONDS"}
    }  # fmt: skip


@pytest.mark.parametrize("call", [[], ["twin"], ["manifest"], ["migrate"]], ids=lambda call: " ".join(call) or "alone")
def test_a_command_of_commands_alone_prints_the_list_of_them(
    call: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(call) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: {' '.join(['storeflow', *call])} ")
    assert "show this help message and exit" in told
