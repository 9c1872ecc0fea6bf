"""A stand-in for edgeHub, and for the IoT Hub behind it, that the unmodified Azure SDK talks to.

Start with `hub.py` (what happens to each packet); README.md says what is mimicked and what not.
"""
