"""Destinations that upstream_router writes to by itself; IoT Hub is reached by an edgeHub route."""
