"""The training of `models/person/storeflow_nano` on rendered scenes; it needs torch, which storeflow does not."""
