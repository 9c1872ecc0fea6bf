"""Module twins, checked, shown and edited: `storeflow twin`."""
