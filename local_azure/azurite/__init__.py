"""Azurite, Microsoft's own emulator of Azure Storage, fetched once and run as a process.

What runs is theirs (npm package `azurite`, the versions of package-lock.json); ours is what fetches and runs it.
"""
