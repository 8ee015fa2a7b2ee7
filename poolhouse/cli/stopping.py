"""How a server is told to end: the first signal asks, the second one insists.

Owns SIGINT, SIGTERM and SIGHUP (the terminal was closed) of a process with a running loop.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """Whether this process has been asked to end."""

    def __init__(self, on_first: Callable[[], None] | None = None) -> None:
        """Take over the signals; `on_first` is called once, when the first one arrives."""
        self._asked = asyncio.Event()
        self._on_first = on_first
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            # nohup ignores it on our behalf, and means it; a shell's background jobs ignore SIGINT without meaning it.
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            loop.add_signal_handler(number, self._on_signal, number)

    def is_asked(self) -> bool:
        """Whether it has been asked."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask for the end from inside."""
        if not self.is_asked():
            self._asked.set()
            if self._on_first is not None:
                # A terminal that is gone takes no last words, and nobody is left to miss them.
                with suppress(OSError):
                    self._on_first()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait to be asked, at most `seconds`; whether it was."""
        try:
            await asyncio.wait_for(self._asked.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _on_signal(self, number: int) -> None:
        if self.is_asked():
            # Everything durable is in the database, and functions die with their server: nothing is left half done.
            os._exit(128 + number)
        self.ask()
