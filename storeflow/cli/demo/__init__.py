"""The sample store played to every module, each a process of its own: `storeflow demo`."""
