"""Reads files of bronze several at once, and hands them over one by one, in the order that was asked for.

    paths ──> [ up to READ_AT_ONCE under way, or read and not taken yet ] ──> the next one's content

A store of files answers after some milliseconds, most of which are the way there and back: several reads share them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Self

from cloud_functions.lake_port import Files

READ_AT_ONCE = 8
"""Fewer than the ten connections that `requests` keeps for later, for the functions that land use the same client;
what is beyond ten begins with a handshake each time (github.com/Azure/azure-sdk-for-python/issues/12102).

It bounds memory, too: so many files are held, and the one that was taken last. What is held of each is gzip, some
kilobytes as a rule. Landing ends a file after 16 Mi characters of events and one message more (`landing.PIECE_BYTES`,
`decode.MAX_UNPACKED_BYTES`), which events like a store's make some megabytes."""


class Reader:
    """A few threads that read. Use as a context manager: none of them outlives it, however it is left.

    Args:
        files: where to read; its `read` is called by several threads at once.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._pool = ThreadPoolExecutor(READ_AT_ONCE, thread_name_prefix="bronze")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, Callable[[], bytes]]]:
        """Each path in turn with what returns the content of its file, or raises what reading it raised.

        Each file is read once, whether or not what it has is asked for; those behind it are read meanwhile.
        """
        rest = iter(paths)
        ahead: deque[tuple[str, Future[bytes]]] = deque()
        while True:
            some = islice(rest, READ_AT_ONCE - len(ahead))
            ahead.extend((path, self._pool.submit(self._files.read, path)) for path in some)
            if not ahead:
                return
            path, content = ahead.popleft()
            yield path, content.result
