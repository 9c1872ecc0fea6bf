"""Pixels and per-frame messages between processes of one machine."""
