"""The tool's output, followed beside the watch of its pod."""

from __future__ import annotations

import threading
from collections.abc import Callable

from calrissian_dask.runner.pod_api import PodApi, PodApiError

AGAIN = 1.0
"""Seconds until a stream that has ended, or was refused, is opened again."""

LAST_TRIES = 3
"""Openings after the tool's end that may fail, until the log is left as far as it came."""

DIGITS = 9
"""Of a nanosecond; the kubelet leaves out trailing zeros."""


class ToolLog(threading.Thread):
    """Follows a container's log; every line is heard once, also over a stream that broke.

    In a thread of its own: stock Calrissian reads the log and sees nothing of the pod meanwhile, so
    a deletion is noticed when a log of a pod that is gone has been tried for 41 minutes.
    """

    def __init__(self, api: PodApi, pod: str, container: str, hear: Callable[[str], None]) -> None:
        super().__init__(name=f"log of {pod}", daemon=True)
        self._api, self._pod, self._container, self._hear = api, pod, container, hear
        self._ended = threading.Event()
        self._last = ""

    def run(self) -> None:
        """Read until the container has ended, and then once more what came last."""
        tries = 0
        while True:
            final = self._ended.is_set()
            try:
                self._read()
            except PodApiError:
                tries += final
                final = final and tries >= LAST_TRIES
            if final:
                return
            self._ended.wait(AGAIN)

    def finish(self, seconds: float) -> None:
        """The container has ended: wait so long until its last line is read."""
        self._ended.set()
        self.join(seconds)

    def _read(self) -> None:
        heard = self._last
        for line in self._api.log(self._pod, self._container):
            stamp, _, text = line.partition(" ")
            self._last = _sortable(stamp)
            if self._last > heard:
                self._hear(text)
        self._last = max(self._last, heard)


def _sortable(stamp: str) -> str:
    """An RFC 3339 time in UTC, padded so that text sorts as time does."""
    seconds, _, fraction = stamp.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction.ljust(DIGITS, '0')}"
