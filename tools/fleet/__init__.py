"""A fleet of stores that nobody filmed: their events, and the figures that must come of them."""
