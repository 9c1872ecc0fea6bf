"""`python -m tools.hard_cases`: play the hard cases of counting and write docs/hard-cases.md.

With `--first-seed` other runs of the same situations are played, and only printed.
"""

import argparse
import os
from pathlib import Path

from tools.hard_cases.table import SEEDS, failures, page, totals

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hard-cases.md"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.hard_cases", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--first-seed", type=int, default=0, help=f"play {SEEDS} seeds from here on, and print totals")
    first_seed = parser.parse_args().first_seed
    wrong = failures(
        SEEDS, progress=lambda name: print(f"  {name}"), processes=os.cpu_count() or 1, first_seed=first_seed
    )
    if first_seed:
        print(*totals(wrong), sep="\n")
    else:
        PAGE.write_text(page(wrong))
        print(PAGE.read_text())
