"""A model is a folder `models/<task>/<name>`: its card says where the weights come from and how to talk to them.

The card is read and checked whole before any weights are touched; the weights are trusted by their sha256 alone.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from modules.inference.decode import DECODERS
from modules.inference.decode.output_spec import OutputSpec
from storeflow.contract.faults import faults
from storeflow.errors import ModelError

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PerChannel = tuple[float, float, float]

_TEXT_SIGNS = (b"version https://git-lfs", b"<!DOCTYPE", b"<html", b"<?xml")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Identity(_Part):
    """What the model is for and which bytes are the model."""

    task: Literal["person", "vehicle"]
    name: Name
    file: FileName
    """Name of the ONNX file, wherever it lies."""
    sha256: Sha256
    licence: str = Field(min_length=1)
    source: str = Field(min_length=1)
    """Where the weights were published, in words or as an address."""
    url: str | None = None
    """Where the file can be fetched from, if anywhere."""


class InputSpec(_Part):
    """The picture that the model wants: one of shape (1, 3, height, width), float32."""

    width: int = Field(ge=32, le=4096)
    height: int = Field(ge=32, le=4096)
    layout: Literal["nchw"] = "nchw"
    colour: Literal["rgb", "bgr"]
    fit: Literal["letterbox_top_left", "letterbox_centre", "stretch"]
    pad: int = Field(default=114, ge=0, le=255)
    """Grey value around a letterboxed picture."""
    mean: PerChannel
    """Subtracted from each channel (0-255), in the order of `colour`."""
    std: PerChannel
    """Then each channel is divided by this."""

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if any(value == 0 for value in self.std):
            raise ValueError("std: a channel cannot be divided by 0")
        return self


class EngineSpec(_Part):
    """How the model is run."""

    precision: Literal["f32", "bf16"] = "f32"
    """`bf16` is a wish: it is used where the CPU has it."""


class ModelCard(_Part):
    """All of `model.toml`."""

    model: Identity
    input: InputSpec
    output: OutputSpec
    engine: EngineSpec = EngineSpec()

    @model_validator(mode="after")
    def _can_be_decoded(self) -> Self:
        if self.output.decoder not in DECODERS:
            raise ValueError(f"output.decoder: one of {', '.join(DECODERS)} is expected")
        return self

    @property
    def version(self) -> str:
        """`<name>@<first 12 of sha256>`: which detector an event was seen by."""
        return f"{self.model.name}@{self.model.sha256[:12]}"


def load_card(folder: Path) -> ModelCard:
    """Read and check `folder/model.toml`.

    Raises:
        ModelError: there is no card, it is no TOML, or a field is wrong; every wrong field is named.
    """
    path = folder / "model.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"no model card {path}: name a folder of {folder.parent} that has a model.toml") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"model card {path} is not TOML: {error}") from error
    try:
        card = ModelCard.model_validate(document)
    except ValidationError as error:
        raise ModelError(f"model card {path}: {'; '.join(faults(error, document))}") from error
    if (card.model.task, card.model.name) != (folder.parent.name, folder.name):
        raise ModelError(
            f"model card {path} says it is {card.model.task}/{card.model.name}, "
            f"but lies in {folder.parent.name}/{folder.name}: rename the folder or fix the card"
        )
    return card


def find_weights(card: ModelCard, folder: Path, model_folders: Sequence[Path]) -> Path:
    """The card's weights: beside the card, else in the first of `model_folders` that has the file.

    A file of the right name and wrong content stops the search: to pass over it would hide a broken download.

    Raises:
        ModelError: no such file anywhere, it cannot be read, or its sha256 is not the card's.
    """
    places = (folder, *model_folders)
    for place in places:
        path = place / card.model.file
        if path.is_file():
            _check_sum(path, card)
            return path
    source = ", ".join(filter(None, (card.model.source, card.model.url)))
    raise ModelError(
        f"weights {card.model.file} of {card.model.task}/{card.model.name} are in none of "
        f"{', '.join(map(str, places))}: put the file (sha256 {card.model.sha256}) into one of them; "
        f"its source: {source}"
    )


def _check_sum(path: Path, card: ModelCard) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(64)
            file.seek(0)
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"weights {path} cannot be read: {error.strerror}") from error
    if found != card.model.sha256:
        what = "; it is a text, not a model (a Git LFS pointer or a web page?)" if start.startswith(_TEXT_SIGNS) else ""
        raise ModelError(
            f"weights {path} have sha256 {found}, the card of {card.model.task}/{card.model.name} says "
            f"{card.model.sha256}{what}: delete the file and fetch {card.model.source} again, or correct the card"
        )
