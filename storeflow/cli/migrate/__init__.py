"""Another product's configuration as one of storeflow: `storeflow migrate`."""
