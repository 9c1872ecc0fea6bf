"""How large an image's root is, and what in it; the table of docs/deployment.md."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, distributions
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from storeflow.errors import StoreflowError
from tools.images.proof import Proof
from tools.images.root import site_packages

MEGABYTE = 1_000_000
LARGEST = 4
_BEGIN, _END = "<!-- written by python -m tools.images --write -->", "<!-- end -->"


@dataclass(frozen=True)
class Size:
    """Of one root, in bytes, with every package's part."""

    module: str
    total: int
    packages: dict[str, int]

    def largest(self, count: int = LARGEST) -> list[tuple[str, int]]:
        """The packages that take most, largest first."""
        return sorted(self.packages.items(), key=lambda entry: (-entry[1], entry[0]))[:count]


def measure(module: str, root: Path) -> Size:
    """Add up all files; a package has its libraries and compiled files with it."""
    installed = distributions(path=[str(site_packages(root))])
    packages = {package.metadata["Name"].lower(): _bytes(_files(package)) for package in installed}
    return Size(module, _bytes(root.rglob("*")), packages)


def document(sizes: Iterable[Size], proofs: Iterable[Proof], *, machine: str, day: str, python: str) -> dict[str, Any]:
    """What is kept of one run."""
    proven = {proof.module: asdict(proof) for proof in proofs}
    images = {
        size.module: {"bytes": size.total, "largest": dict(size.largest()), **proven[size.module]} for size in sizes
    }
    return {"day": day, "machine": machine, "python": python, "images": images}


def table(measured: dict[str, Any]) -> list[str]:
    """The rows of Markdown for `document`."""
    rows = [
        f"Measured on {measured['day']} on {measured['machine']}, Python {measured['python']}, without the base image.",
        "",
        "| module | MB | largest packages, MB | twin applied after | ended after SIGTERM | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for module, image in measured["images"].items():
        largest = ", ".join(f"{name} {_megabytes(size)}" for name, size in image["largest"].items())
        times = f"{image['started_seconds']:.1f} s | {image['stopped_seconds']:.1f} s | {image['peak_mb']:.0f} MB"
        rows.append(f"| {module} | {_megabytes(image['bytes'])} | {largest} | {times} |")
    return rows


def write_into(page: str, rows: Sequence[str]) -> str:
    """The page with its table replaced.

    Raises:
        StoreflowError: the page has no place for one.
    """
    pattern = re.compile(f"{re.escape(_BEGIN)}\n.*?{re.escape(_END)}", re.DOTALL)
    if not pattern.search(page):
        raise StoreflowError(f"the page has no {_BEGIN} … {_END}")
    return pattern.sub(lambda _: "\n".join([_BEGIN, *rows, _END]), page)


def read_table(page: str) -> list[str]:
    """The rows that a page has now."""
    return page.partition(_BEGIN + "\n")[2].partition("\n" + _END)[0].splitlines()


def written(measured: dict[str, Any]) -> str:
    """The file of results."""
    return json.dumps(measured, indent=1) + "\n"


def _megabytes(size: float) -> str:
    return f"{size / MEGABYTE:.0f}" if size >= 10 * MEGABYTE else f"{size / MEGABYTE:.1f}"


def _files(package: Distribution) -> Iterator[Path]:
    """What it has installed, file by file, for packages share folders such as `azure`; and what was compiled of it."""
    for file in package.files or ():
        path = Path(str(file.locate()))
        yield path
        if path.suffix == ".py":
            yield Path(cache_from_source(str(path)))


def _bytes(paths: Iterable[Path]) -> int:
    """Of all files that are there, one with several names once."""
    found = (path.lstat() for path in paths if path.is_file() and not path.is_symlink())
    return sum({status.st_ino: status.st_size for status in found}.values())
