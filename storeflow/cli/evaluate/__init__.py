"""Counted against true: `storeflow evaluate`."""
