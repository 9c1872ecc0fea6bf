"""`python -m tools.hard_cases`: play the hard cases of counting and write docs/hard-cases.md."""

import os
from pathlib import Path

from tools.hard_cases.table import failures, page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hard-cases.md"

if __name__ == "__main__":
    text = page(failures(seeds=50, progress=lambda name: print(f"  {name}"), processes=os.cpu_count() or 1))
    PAGE.write_text(text)
    print(text)
