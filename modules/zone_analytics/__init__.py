"""Tracks in, events out: who crossed which line, who visited which zone, for how long."""
