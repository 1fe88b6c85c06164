"""SIGTERM to Calrissian: its pods are deleted, nothing new begins, and it ends."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable

LOGGER = logging.getLogger("calrissian.main")


class Termination:
    """The handler, in place of Calrissian's (calrissian/main.py:84-87).

    Calrissian's deletes pods inside the handler, under a lock that its main thread may hold already:
    a second signal, or one at the end of a run, hangs for ever. Here another thread deletes.
    """

    def __init__(self, stopping: threading.Event, delete_pods: Callable[[], None]) -> None:
        self._stopping, self._delete_pods = stopping, delete_pods

    def install(self) -> None:
        """Called from the main thread, after Calrissian has installed its own."""
        signal.signal(signal.SIGTERM, self)

    def __call__(self, number: int, frame: object) -> None:
        """End as Calrissian does, with the signal's number as the exit code; once is enough."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        LOGGER.error("Received signal %s, deleting pods", number)
        # Not a daemon: the interpreter waits for it.
        threading.Thread(target=self._delete_pods, name="deletion of pods").start()
        sys.exit(number)
