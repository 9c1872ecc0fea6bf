"""A small shop, drawn frame by frame, whose every count is known exactly."""
