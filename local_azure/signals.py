"""How a stand-in's process is asked to end."""

import asyncio
import signal


async def asked_to_end() -> None:
    """Return when SIGTERM or SIGINT (Ctrl-C) arrives, instead of being ended by it."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
