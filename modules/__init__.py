"""The edge modules: folder = container = module id in `deployment.template.json`."""
