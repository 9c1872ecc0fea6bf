"""What runs a module: its loop, its worker thread, its configuration, and its outbox on the way to the next owner."""
