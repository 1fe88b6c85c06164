"""Calls that may succeed later: repeated with back-off, until one deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from calrissian_dask_sidecar.errors import GatewayError, GatewayUnavailableError

BACK_OFF = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries; the last one repeats."""

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """Until `deadline`, a monotonic time, which is `timeout` seconds after the start."""

    deadline: float
    timeout: int
    say: Callable[[str], None]

    def persist(self, call: Callable[[], T]) -> T:
        """The result of a call that may be repeated; GatewayError where it is final or too late.

        409 is "not running" (yet): a gateway's record lags behind the status that it shows.
        """
        tries = 0
        while True:
            try:
                return call()
            except GatewayError as error:
                if not isinstance(error, GatewayUnavailableError) and error.status != 409:
                    raise
                failure = error
            self.pause(tries, failure)
            tries += 1

    def pause(self, tries: int, failure: GatewayError) -> None:
        """Wait before the next try; raises GatewayError where it would come after the deadline."""
        pause = BACK_OFF[min(tries, len(BACK_OFF) - 1)]
        if time.monotonic() + pause > self.deadline:
            raise GatewayError(
                f"timeout after {self.timeout} s: {failure}: see whether the gateway runs and its"
                " URL is right where the step runs, or raise gateway.provisionTimeout",
                failure.status,
            ) from failure
        if tries == 0:
            self.say(f"tried again until it works or {self.timeout} s are over: {failure}")
        time.sleep(pause)
