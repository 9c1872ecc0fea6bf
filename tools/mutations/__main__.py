"""`python -m tools.mutations [WORD …]`: break each promise in a copy of the tree; every one must turn a test red.

Only those whose promise has one of the words are tried. Ends with 1 if a test stayed green, or had none to run.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tools.mutations.mutations import MUTATIONS, Mutation

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS_FAILED = 1
"""pytest's exit status; any other but 0 says that it could not run them (docs.pytest.org, "Exit codes")."""


def main(arguments: list[str] | None = None) -> int:
    """Try them all and print what became of each."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutations", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the promises to break (default: all)")
    words = parser.parse_args(arguments).words
    chosen = [one for one in MUTATIONS if not words or any(word in one.promise for word in words)]
    console = Console()
    wrong = 0
    for mutation in track(chosen, "breaking promises", console=Console(stderr=True), transient=True):
        status = try_out(mutation)
        wrong += status != TESTS_FAILED
        verdict = {0: "GREEN: nobody noticed", TESTS_FAILED: "red"}.get(status, f"pytest ended with {status}")
        console.print(f"{verdict:<8} {mutation.promise} ({mutation.file})", highlight=False, soft_wrap=True)
    console.print(f"{len(chosen) - wrong} of {len(chosen)} broken promises turned a test red")
    return 1 if wrong or not chosen else 0


def try_out(mutation: Mutation) -> int:
    """Run the mutation's tests on a copy of the tree that has it; pytest's exit status."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        tree = Path(folder) / "storeflow"
        shutil.copytree(
            REPOSITORY, tree, ignore=shutil.ignore_patterns(".git", ".venv", "run", "*.egg-info", ".*_cache")
        )
        break_promise(mutation, tree)
        data = os.environ.get("STOREFLOW_EVAL_DATA", str(REPOSITORY.parent / "shared" / "data"))
        ended = subprocess.run(  # noqa: S603 - our own tests
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutation.tests],
            cwd=tree,
            env=os.environ | {"STOREFLOW_EVAL_DATA": data, "PYTHONPATH": str(tree)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    return ended.returncode


def break_promise(mutation: Mutation, tree: Path) -> None:
    """Write the mutation into a tree.

    Raises:
        ValueError: its text is not there, or is there more than once: the promise is kept in another way by now.
    """
    path = tree / mutation.file
    before = path.read_text()
    if (found := before.count(mutation.text)) != 1:
        raise ValueError(f"{mutation.file}: expected once, found {found} times: {mutation.text!r}")
    path.write_text(before.replace(mutation.text, mutation.instead))


if __name__ == "__main__":
    raise SystemExit(main())
