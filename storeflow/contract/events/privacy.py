"""What each field of an event says of a person: the one place from which schemas and docs/events.md have it.

With every field taken out that is not `Impersonal`, an event says nothing of anybody.
"""

from typing import Annotated, TypeVar

from pydantic import Field

_T = TypeVar("_T")

Impersonal = Annotated[_T, Field(json_schema_extra={"x-privacy": "none"})]
"""Of the store, its cameras and layout, or a number of people."""
Pseudonymous = Annotated[_T, Field(json_schema_extra={"x-privacy": "pseudonymous"})]
"""Tells two people apart, or leads to a field that does; nobody can trace it to a name."""
Personal = Annotated[_T, Field(json_schema_extra={"x-privacy": "personal"})]
"""What one person did or is: where, when, how long, with whom, and whether they work here."""
