"""What a store's process holds on to over a day."""
