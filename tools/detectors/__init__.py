"""How well a detector finds people: the figures on the cards in `models/`."""
