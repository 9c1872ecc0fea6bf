import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_BLANK = re.compile(r"(?<!\w)@[A-Z][A-Z_]*@|\{\{.*?\}\}|<[A-Z]+(?:_[A-Z]+)+>")
"""Where a template waits for a figure: `@FIGURE@` and its like."""
_MENTION = re.compile(r"\b(?:docs/[\w./-]+\.md|schemas/v1/[\w.]+\.json)")


def links(text: str) -> Iterator[str]:
    return (match[1] for match in _LINK.finditer(_CODE.sub("", text)))


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path, text: str) -> Iterator[str]:
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = unquote(link).partition("#")
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
            yield link


def test_every_link_leads_somewhere(texts: dict[Path, str], repository: Path) -> None:
    broken = [
        f"{path.relative_to(repository)}: {link}"
        for path, text in texts.items()
        if path.suffix == ".md"
        for link in broken_links(path, text)
    ]
    assert broken == []


@pytest.mark.parametrize("link", ["[a](gone.md)", "[a](#gone)", "![a](page.md#gone)", "[`a`](gone.md)"])
def test_a_broken_link_is_found(link: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# A *page* of `mine`\n[good](page.md) [too](#a-page-of-mine)\n{link}\n")
    assert len(list(broken_links(page, page.read_text()))) == 1


def test_every_page_that_code_and_pages_speak_of_is_there(texts: dict[Path, str], repository: Path) -> None:
    gone = [
        f"{path.relative_to(repository)}: {mention}"
        for path, text in texts.items()
        for mention in _MENTION.findall(text)
        if not (repository / mention).is_file() and not (path.parent / mention).is_file()
    ]
    assert gone == []


def test_the_front_page_leads_to_what_a_reader_needs(repository: Path) -> None:
    found = set(links((repository / "README.md").read_text()))
    wanted = {"hard-cases", "events", "configuration", "accuracy", "glossary"}
    assert {f"docs/{name}.md" for name in wanted} | {"CONTRIBUTING.md"} <= found


def test_no_page_has_a_blank_that_nobody_filled_in(texts: dict[Path, str], repository: Path) -> None:
    blanks = [
        f"{path.relative_to(repository)}: {blank}"
        for path, text in texts.items()
        if path.suffix == ".md"
        for blank in _BLANK.findall(text)
    ]
    assert blanks == []


@pytest.mark.parametrize("text", ["| Threshold | @THRESHOLD@ |", "@TABLE@", "costs {{ PRICE }}", "at <FIGURE_HERE>"])
def test_a_blank_is_found(text: str) -> None:
    assert _BLANK.search(text)


@pytest.mark.parametrize("text", ["yolox_nano@e8af074932d4", "me@EXAMPLE.com", "`rtsp://user:pass@HOST/A@B`"])
def test_an_address_or_a_version_is_no_blank(text: str) -> None:
    assert not _BLANK.search(text)


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/glossary.md"])
def test_a_page_for_one_screen_is_no_longer(page: str, repository: Path) -> None:
    assert len((repository / page).read_text().splitlines()) <= 70
