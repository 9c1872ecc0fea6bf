"""How a module's messages, twin and methods travel: the port, and one adapter for each way."""
