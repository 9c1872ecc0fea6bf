"""The card's `[output]`: all that a decoder knows of its model but the size of the input."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(gt=0, lt=1)]


class OutputSpec(BaseModel):
    """How the model's answer is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decoder: str
    """Which family of outputs it is: a name in `DECODERS`."""
    labels: tuple[str, ...] = Field(min_length=1)
    """Name of each class, in the order of the model's outputs."""
    keep: tuple[str, ...] | None = None
    """The labels that are reported; absent: all of them."""
    threshold: Probability
    """From this confidence on a detection counts as seen."""
    nms_iou: Probability
    """Of two boxes that overlap more than this only the surer one stays."""

    @model_validator(mode="after")
    def _keeps_what_it_knows(self) -> Self:
        unknown = sorted(set(self.keep or ()) - set(self.labels))
        if unknown:
            raise ValueError(f"keep: {', '.join(unknown)} not among labels")
        if self.keep is not None and not self.keep:
            raise ValueError("keep: reports nothing; leave it out to report every label")
        return self

    @property
    def kept_classes(self) -> tuple[int, ...]:
        """Indices into `labels` of what is reported."""
        return tuple(index for index, label in enumerate(self.labels) if self.keep is None or label in self.keep)
