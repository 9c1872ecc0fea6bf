"""`python -m tools.data_dictionary`: write the page."""

from pathlib import Path

from tools.data_dictionary.page import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data-dictionary.md"

if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE.name)
