"""What a module shows of itself: logs, the names of its metrics, and health and metrics over HTTP."""
