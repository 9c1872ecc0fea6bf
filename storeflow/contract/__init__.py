"""The words on every wire: geometry, frame-path messages, store events, CloudEvents, twins."""
