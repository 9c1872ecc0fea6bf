"""Deployments, from the template to what a hub takes: `storeflow manifest`."""
