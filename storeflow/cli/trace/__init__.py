"""One event, followed from the film to the hub: `storeflow trace`."""
