"""SIGTERM and SIGINT: never lost while Python boots, never in the middle of what must not be cut.

PID 1 without a handler loses SIGTERM. The pod's command therefore starts us with the signal
blocked (`env --block-signal=TERM`); it stays pending until a handler is installed and it is
unblocked here.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Terminated(BaseException):
    """SIGTERM or SIGINT has come; not an Exception, so that nothing takes it for a failure."""


def block() -> None:
    """Keep the signals pending, in this thread and those that it starts, for `wait`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def wait() -> None:
    """Return when one of the blocked signals has come; no handler runs, so nothing is cut."""
    signal.sigwait(SIGNALS)


def wait_at_most(seconds: float) -> None:
    """The same, or after so many seconds."""
    signal.sigtimedwait(SIGNALS, seconds)


def on_termination(handler: Callable[[], None]) -> None:
    """Call the handler for each signal from now on, pending ones included."""
    for one in SIGNALS:
        signal.signal(one, lambda _number, _frame: handler())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


class Interruption:
    """Raises Terminated wherever the program is, except within `deferred`."""

    def __init__(self) -> None:
        self.requested = False
        self._deferred = 0

    def request(self) -> None:
        """The handler."""
        self.requested = True
        if not self._deferred:
            raise Terminated

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Hold the signal back until the block has ended."""
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1
        if self.requested and not self._deferred:
            raise Terminated

    def ignore(self) -> None:
        """From now on only note the signal: the clean-up is under way and is not to be cut."""
        self._deferred += 1
