"""A store's IoT Edge runtime and its cloud, on one machine: stand-ins for development and tests."""
