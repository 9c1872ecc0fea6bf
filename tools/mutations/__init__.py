"""Breaks storeflow on purpose, one promise at a time, to see that a test turns red."""
