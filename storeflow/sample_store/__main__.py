"""Render the sample store: `python -m storeflow.sample_store --out DIR`."""

import argparse
import sys
from pathlib import Path

from storeflow.sample_store.render import render


def _show(done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        print(f"sample store: {done} of {total} frames", file=sys.stderr)


def main() -> None:
    """Parse the command line and render."""
    parser = argparse.ArgumentParser(prog="python -m storeflow.sample_store", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for clip, truth and layout")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen = parser.parse_args()
    store = render(chosen.out, _show, seed=chosen.seed, seconds=chosen.seconds)
    print(store.video)


if __name__ == "__main__":
    main()
