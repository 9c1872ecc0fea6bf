"""The mutations that `python -m tools.mutations` plays can still be made, and it tells red from green."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tools.mutations.__main__ import TESTS_FAILED, break_promise, try_out
from tools.mutations.mutations import MUTATIONS, Mutation

NEVER_LOGGED = next(one for one in MUTATIONS if one.promise == "no secret is logged")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.promise)
def test_it_can_be_made_and_has_tests(mutation: Mutation, repository: Path, tmp_path: Path) -> None:
    (tmp_path / mutation.file).parent.mkdir(parents=True)
    shutil.copy(repository / mutation.file, tmp_path / mutation.file)
    break_promise(mutation, tmp_path)
    assert (tmp_path / mutation.file).read_text() != (repository / mutation.file).read_text()
    compile((tmp_path / mutation.file).read_text(), mutation.file, "exec")
    assert (repository / mutation.tests).exists()


def test_one_that_can_no_longer_be_made_is_told(repository: Path) -> None:
    with pytest.raises(ValueError, match="expected once, found 0 times"):
        break_promise(replace(NEVER_LOGGED, text="no such line"), repository)


def test_a_broken_promise_turns_its_tests_red_and_a_kept_one_does_not() -> None:
    assert try_out(NEVER_LOGGED) == TESTS_FAILED
    assert try_out(replace(NEVER_LOGGED, instead=NEVER_LOGGED.text)) == 0
