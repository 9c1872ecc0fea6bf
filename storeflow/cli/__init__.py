"""The command line: the composition root, which alone may import modules and stand-ins."""
