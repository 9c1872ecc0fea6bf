"""Tools that make what the repository ships: the sample store's clip and the detector that watches it."""
