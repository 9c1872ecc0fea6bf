"""What is to be erased, and whether a line of bronze or of quarantine is of it. Pure."""

import contextlib
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud_functions.decode import MAX_UNPACKED_BYTES
from cloud_functions.quarantine import QuarantineLine
from storeflow.errors import ConfigError

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


@dataclass(frozen=True)
class Wish:
    """One wish; of a track, of a time, or of all that a store sent.

    Attributes:
        store_id: whose.
        source: of the track; empty for a time or all.
        track_id: likewise.
        since: the first moment, by `captured_at`; of what has none that can be read, by `enqueued_at`.
        until: the moment behind the last.
        everything: nothing stays.
    """

    store_id: str
    source: str = ""
    track_id: str = ""
    since: datetime = EARLIEST
    until: datetime = LATEST
    everything: bool = False

    @classmethod
    def of_track(cls, store_id: str, track: str) -> "Wish":
        """Read `SOURCE#TRACK`.

        Raises:
            ConfigError: it is not of that form.
        """
        source, _, track_id = track.partition("#")
        if not track_id or len(source.removeprefix("//").split("/")) != len(("hub", "device", "camera")):
            raise ConfigError([f"--track {track}: //<IoT hub>/<device>/<camera>#<track_id> is expected"])
        return cls(store_id, source, track_id)

    @property
    def device_id(self) -> str:
        """Of the track."""
        return self.source.split("/")[3] if self.source else ""

    def is_of_store(self, document: Any, *, is_there: bool) -> bool:
        """Whether an event is of the store, by what it names; or a document that names none, by its device's place."""
        data = document.get("data") if isinstance(document, dict) else None
        named = data.get("store_id") if isinstance(data, dict) else None
        return is_there if named is None else bool(named == self.store_id)

    def is_of(self, document: dict[str, Any], moment: datetime) -> bool:
        """Whether an event of the store that can be read is to be erased; `moment` is its `captured_at`."""
        if self.track_id:
            return (document["source"], document["data"].get("track_id")) == (self.source, self.track_id)
        return self.since <= moment < self.until

    def may_be_of(self, text: str, device_id: str, moment: datetime) -> bool:
        """The same of one that can't be read: by the names in it, or by when it came."""
        if not self.track_id:
            return self.since <= moment < self.until
        camera = self.source.rpartition("/")[2]
        names_track = any(_names(text, name) for name in (self.track_id, f"g{self.track_id}"))
        return names_track and device_id == self.device_id and (camera in text or camera in _unescaped(text))

    def is_of_quarantine(self, line: QuarantineLine, *, is_there: bool) -> bool:
        """Whether a line of quarantine is taken away: nobody knows which of its bytes are of a person."""
        message = line.message()
        text = _text(message.body, message.content_encoding)
        if not (is_there or line.store_id == self.store_id or _names(text, self.store_id)):
            return False
        return self.everything or self.may_be_of(text, line.device_id or self.device_id, message.enqueued_at)


def _names(text: str, name: str) -> bool:
    """Whether a name is somewhere in a text as a string of JSON, in whatever way it is written there."""
    return f'"{name}"' in text or f'"{name}"' in _unescaped(text)


def _unescaped(text: str) -> str:
    """A text with every character that JSON lets be written by its number (RFC 8259, section 7) as it is."""
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(body: bytes, encoding: str) -> str:
    """A body as far as it can be read."""
    if encoding.strip().lower() == "gzip":
        with contextlib.suppress(zlib.error):
            body = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(body, MAX_UNPACKED_BYTES)
    return body.decode(errors="replace")
