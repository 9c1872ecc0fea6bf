"""The file by which a stand-in says where it listens, and by being there, that it does."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Addresses:
    """Base of a dataclass of addresses."""

    def write(self, path: Path) -> None:
        """Publish the file at once, whole."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=2))
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        return cls(**json.loads(path.read_text()))
