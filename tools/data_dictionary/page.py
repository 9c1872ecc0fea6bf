"""The page, of the forms of the tables, the contract and the words. Pure."""

import pyarrow as pa

from cloud_functions.lake.columns import ENVELOPE, PRIVACY, REFINED_MODELS
from cloud_functions.lake.gold.completeness import COMPLETENESS
from cloud_functions.lake.gold.dimensions import DIMENSIONS
from cloud_functions.lake.gold.facts import FACTS
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import TableForm
from storeflow.contract.cloudevents import CloudEvent
from tools.data_dictionary.words import ABOUT, KEYS, OF_TABLE, Words

TABLES: tuple[TableForm, ...] = (*(fact.form for fact in FACTS), COMPLETENESS, *DIMENSIONS, EVENTS)
"""What readers ask: facts first, then what their keys mean, then where both come from."""

_HEAD = """# Data dictionary

Every column that a reader of the lake may ask, from the code that writes it: `python -m tools.data_dictionary` makes
this page, and a test holds it to the tables. How to ask: [for BI teams](bi.md). What the figures mean: [from events to
figures](figures.md).

**Adds up over** says over what a figure may be summed. Cameras that see the same place count the same people: sum over
those that don't. Averages and percentiles are no columns: they are made of sums and bins.

**Privacy** is the class of the [store events](events.md). All of gold is `none`, as its rows are numbers of people. A
row may be of one person all the same: what leaves the company should be of enough people to say nothing of any.
"""


def page() -> str:
    """The text of docs/data-dictionary.md."""
    return "\n".join([_HEAD, *(_chapter(form) for form in TABLES)])


def described(form: TableForm) -> dict[str, Words]:
    """What is said of each column of a table; of those that nothing is said of, nothing."""
    found = KEYS | OF_TABLE.get(form.name, {})
    if form is EVENTS:
        found = _of_events() | OF_TABLE[form.name] | {"device_id": KEYS["device_id"]}
    return {name: found[name] for name in form.columns.names if name in found}


def _of_events() -> dict[str, Words]:
    """The contract's own words; a column that several events have may mean something of its own in each."""
    envelope = CloudEvent.model_json_schema()["properties"]
    found = {name: {_text(envelope[name]): "every event"} for name in ENVELOPE}
    for event_type, model in REFINED_MODELS.items():
        for name, field in model.model_json_schema()["properties"].items():
            found.setdefault(name, {}).setdefault(_text(field), event_type)
    return {name: Words(" ".join(_each(texts))) for name, texts in found.items()}


def _each(texts: dict[str, str]) -> list[str]:
    if len(texts) == 1:
        return list(texts)
    return [f"`{event_type.removeprefix('storeflow.')}`: {text}" for text, event_type in texts.items()]


def _text(field: dict[str, object]) -> str:
    return " ".join(str(field.get("description", "")).split())


def _chapter(form: TableForm) -> str:
    words = described(form)
    lines = [f"## `{form.name}`", "", ABOUT[form.name], ""]
    if form.partition_by:
        lines += [f"Its files are in folders by `{form.partition_by}`: name some, and only these are read.", ""]
    lines += ["| column | type | meaning | adds up over | privacy |", "|---|---|---|---|---|"]
    for field in form.columns:
        said = words[field.name]
        privacy = (field.metadata or {}).get(PRIVACY.encode(), b"none").decode()
        lines.append(f"| `{field.name}` | {_type(field.type)} | {said.meaning} | {said.adds_up_over} | {privacy} |")
    return "\n".join([*lines, ""])


def _type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "moment"
    names = {
        pa.string(): "text",
        pa.int64(): "whole number",
        pa.float64(): "number",
        pa.bool_(): "yes or no",
        pa.date32(): "day",
    }
    return names[kind]
