"""What leaves the store, and where to."""
