"""What a Dockerfile of ours promises of its last stage, so far as it needs no Docker to keep it."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from storeflow.errors import StoreflowError


@dataclass(frozen=True)
class Image:
    """How a container of the image starts."""

    user: str
    entrypoint: tuple[str, ...]
    healthcheck: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def instructions(text: str) -> list[tuple[str, str]]:
    """Every instruction with what follows it; comments are left out, continued lines put together."""
    joined = re.sub(r"\\\n", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(name.upper(), rest.strip()) for name, _, rest in lines]


def last_stage(text: str) -> list[tuple[str, str]]:
    """The instructions from the last `FROM` on."""
    found = instructions(text)
    starts = [index for index, (name, _) in enumerate(found) if name == "FROM"]
    if not starts:
        raise StoreflowError("the Dockerfile has no FROM")
    return found[starts[-1] :]


def read_image(path: Path) -> Image:
    """Read one.

    Raises:
        StoreflowError: USER, HEALTHCHECK or ENTRYPOINT is missing, or one of the last two needs a shell.
    """
    user, entrypoint, healthcheck, environment = "", "", "", dict[str, str]()
    for name, rest in last_stage(path.read_text()):
        match name:
            case "USER":
                user = rest
            case "ENTRYPOINT":
                entrypoint = rest
            case "HEALTHCHECK":
                healthcheck = rest.partition("CMD ")[2]
            case "ENV":
                environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
    if not user:
        raise StoreflowError(f"{path}: no USER: the container would be root's")
    commands = (_command(path, "ENTRYPOINT", entrypoint), _command(path, "HEALTHCHECK", healthcheck))
    return Image(user, *commands, environment)


def _command(path: Path, name: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(json.loads(text))
    except ValueError as error:
        raise StoreflowError(f"{path}: {name} {text!r} is no JSON array: it would need a shell") from error
