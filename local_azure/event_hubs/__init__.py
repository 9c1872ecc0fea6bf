"""A stand-in for an Event Hubs namespace that the unmodified azure-eventhub SDK talks to.

Start with `namespace.py` (what becomes of an event) and `links.py` (what a link does); `amqp/` is the protocol under
them. README.md says what is mimicked and what not.
"""
