"""AMQP 1.0 as the OASIS specification has it: types, frames, performatives and messages; nothing about Event Hubs.

Start with `types.py`. The specification is docs.oasis-open.org/amqp/core/v1.0/os; docstrings name its parts and
sections: part 1 types, part 2 transport, part 3 messaging, part 5 security.
"""
