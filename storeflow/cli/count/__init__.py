"""Counting in one clip or in front of one camera, in one process: `storeflow run`."""
