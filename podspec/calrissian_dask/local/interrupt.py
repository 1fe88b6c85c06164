"""Ctrl-C and SIGTERM: everything ends within seconds, and nothing is left.

cwltool by itself hangs here: an exception in its main thread leaves worker threads behind that wait
for a lock which the main thread holds. So, once jobs may run, a signal raises nothing: it is noted,
the tools' processes are ended from outside, and cwltool finishes as after a failed tool.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import psutil

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

GRACE = 3.0
"""Seconds that a tool has after SIGTERM before it gets SIGKILL; a second signal ends them."""

GIVE_UP = 5.0
"""Seconds after the grace until we end without cwltool: it may hang in a download, a checksum or a
script of the document."""

SWEEP = 0.1
"""Seconds between looks for processes that were started meanwhile."""

PR_SET_CHILD_SUBREAPER = 36
"""linux/prctl.h. A tool's orphans become ours instead of PID 1's, so that they are found."""


class Interrupt:
    """Whether, and by which signal, this command is to end."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.jobs_may_run = False
        self.finishing = False
        self._spared: Callable[[], set[int]] = set
        self._close: Callable[[], None] = lambda: None
        self._until = float("inf")

    @property
    def requested(self) -> bool:
        """Whether a signal has come."""
        return self.number is not None

    def install(self, spared: Callable[[], set[int]], close: Callable[[], None]) -> None:
        """Handle the signals from now on; call it in the main thread.

        `spared` answers the processes that end later, in their own order; `close` ends those.
        """
        self._spared, self._close = spared, close
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for number in SIGNALS:
            signal.signal(number, lambda number, _frame: self._handle(number))

    def _handle(self, number: int) -> None:
        if self.number is not None:
            self._until = 0.0
            return
        self.number = number
        self._until = time.monotonic() + GRACE
        threading.Thread(target=self._sweep, name="interrupt", daemon=True).start()
        if not self.jobs_may_run:
            raise KeyboardInterrupt

    def _sweep(self) -> None:
        told: set[int] = set()
        while True:
            self.end_children(told)
            if not self.finishing and time.monotonic() > self._until + GIVE_UP:
                self._close()
                os._exit(128 + (self.number or 0))
            time.sleep(SWEEP)

    def end_children(self, told: set[int]) -> bool:
        """SIGTERM to children that had none, SIGKILL after the grace; whether any is left."""
        late = time.monotonic() > self._until
        left = False
        for process in self._children():
            if late or process.pid not in told:
                told.add(process.pid)
                _send(process, signal.SIGKILL if late else signal.SIGTERM)
            left = True
        return left

    def await_children(self) -> None:
        """Return when no child is left but the spared ones."""
        told: set[int] = set()
        while self.end_children(told):
            time.sleep(SWEEP)

    def _children(self) -> list[psutil.Process]:
        spared = self._spared()
        found = []
        for child in psutil.Process().children():
            try:
                if child.pid in spared or child.status() == psutil.STATUS_ZOMBIE:
                    continue
                found += [*child.children(recursive=True), child]
            except psutil.NoSuchProcess:
                continue
        return found


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
