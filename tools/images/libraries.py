"""Which shared libraries an image's root expects of its base image: a wheel that asks for more fails at its import.

Read from the dynamic section of each ELF file (System V ABI, "Object Files", chapter 5), without any tool.
"""

import struct
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

OF_THE_BASE_IMAGE = frozenset(
    {
        "ld-linux-x86-64.so.2",
        "libc.so.6",
        "libcrypto.so.3",
        "libdl.so.2",
        "libgcc_s.so.1",
        "libm.so.6",
        "libmvec.so.1",
        "libpthread.so.0",
        "librt.so.1",
        "libssl.so.3",
        "libstdc++.so.6",
        "libz.so.1",
    }
)
"""In Debian's slim image, or of the packages that the Python image puts there for Python itself."""

_DYNAMIC, _LOAD = 2, 1  # program header types
_NEEDED, _STRING_TABLE = 1, 5  # dynamic entries


def missing(root: Path, *beside: Path) -> dict[str, set[str]]:
    """Libraries that are neither in the root, nor beside it, nor in the base image; by name, who asks for each."""
    files = [path for folder in (root, *beside) for path in folder.rglob("*.so*") if path.is_file()]
    here = {path.name for path in files}
    asked: dict[str, set[str]] = {}
    for path in files:
        for name in needed(path):
            if name not in here and name not in OF_THE_BASE_IMAGE:
                asked.setdefault(name, set()).add(path.name)
    return asked


def needed(path: Path) -> list[str]:
    """The libraries that one ELF file names; none of a file of another kind."""
    with path.open("rb") as file:
        if file.read(5) != b"\x7fELF\x02":
            return []
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return _named(data)


def _named(data: mmap) -> list[str]:
    headers = list(_program_headers(data))
    entries = [
        struct.unpack_from("<QQ", data, offset)
        for kind, offset, _, size in headers
        if kind == _DYNAMIC
        for offset in range(offset, offset + size, 16)
    ]
    tables = [value for tag, value in entries if tag == _STRING_TABLE]
    if not tables:
        return []
    strings = _offset_of(tables[0], headers)
    return [_string(data, strings + value) for tag, value in entries if tag == _NEEDED]


def _program_headers(data: mmap) -> Iterator[tuple[int, int, int, int]]:
    """Type, offset in the file, address in memory, size in the file."""
    (first,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for start in range(first, first + size * count, size):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, start)
        yield kind, offset, address, length


def _offset_of(address: int, headers: list[tuple[int, int, int, int]]) -> int:
    """Where in the file an address of its memory lies."""
    return next(
        offset + address - start
        for kind, offset, start, size in headers
        if kind == _LOAD and start <= address < start + size
    )


def _string(data: mmap, offset: int) -> str:
    return data[offset : data.find(b"\0", offset)].decode()
