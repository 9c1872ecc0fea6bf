"""The lake's Delta tables: silver, one row for each event, and gold, a star of figures made of it."""
