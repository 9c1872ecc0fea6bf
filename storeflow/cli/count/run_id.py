"""Which run it was: the part of an event's `source` by which two runs on clips are told apart.

`source` + `id` names an event for ever. A clip that is counted again with a line turned round would give events with
the ids of the first time and other data; so what decides the events decides the source, too.
"""

from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from storeflow.contract.twins import Layout

_BYTES_AT_ONCE = 1 << 20


def run_id(clip: Path, model_folder: Path, layout: Layout, *, fps: float, starts_at: datetime, repeatable: bool) -> str:
    """`run-` and twelve hexadecimal digits; stands in a `source` where a store has its device.

    Args:
        clip: the film; its content counts, not its name.
        model_folder: `models/<task>/<name>`; its card names the weights by their sha256.
        layout: lines, zones, queues and areas.
        fps: frames per second to analyse at most.
        starts_at: `captured_at` of the first frame.
        repeatable: whether the same call decides the same again, frame by frame; if not, each has an id of its own.
    """
    digest = blake2b(digest_size=6)
    with clip.open("rb") as film:
        while piece := film.read(_BYTES_AT_ONCE):
            digest.update(piece)
    begun_at = None if repeatable else datetime.now(UTC)
    settings = version("storeflow"), layout.model_dump_json(), fps, starts_at.astimezone(UTC), begun_at
    for part in ((model_folder / "model.toml").read_bytes(), *(str(one).encode() for one in settings)):
        digest.update(blake2b(part).digest())
    return f"run-{digest.hexdigest()}"
