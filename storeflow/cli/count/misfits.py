"""What is allowed and counts nothing: a layout and a model that don't fit each other."""

from collections.abc import Iterator
from pathlib import Path

from storeflow.cli.layout_parts import DRAWN
from storeflow.contract.twins import Layout

RENDERED_ONLY = "storeflow_nano"
PERSON = "person"


def misfits(layout: Layout, model_folder: Path) -> Iterator[str]:
    """One line for each reason why nothing, or not what was meant, will be counted.

    Args:
        layout: of one camera.
        model_folder: `models/<task>/<name>`; what the task is called the model sees.
    """
    task, name = model_folder.resolve().parts[-2:]
    parts = {name: part for kind in DRAWN for name, part in getattr(layout, kind).items()}
    if not parts:
        yield "the layout has no line, no zone and no queue: nothing will be counted"
    unseen = {
        name: part.object_class for name, part in parts.items() if (part.object_class == PERSON) != (task == PERSON)
    }
    if unseen:
        classes = ", ".join(sorted(set(unseen.values())))
        yield f"the layout counts {classes} ({', '.join(unseen)}), the model sees {task}: nothing will be counted there"
    if name == RENDERED_ONLY:
        yield f"{RENDERED_ONLY} sees rendered shoppers only; on real footage its counts mean nothing"
