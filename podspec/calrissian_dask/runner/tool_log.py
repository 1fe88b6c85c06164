"""The tool's output, followed beside the watch of its pod."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from calrissian_dask.runner.pod_api import PodApi, PodApiError

AGAIN = 1.0
"""Seconds until a stream that has ended, or was refused, is opened again."""

LAST_TRIES = 10
"""Openings after the tool's end that may fail, until the log is left as far as it came."""

STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z\Z")
"""RFC 3339 in UTC, as the kubelet writes it. It also writes words of its own, without one."""

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
        self._given_up = False
        self._complete = False

    def run(self) -> None:
        """Read until the container has ended, and then once more what came last."""
        while not self._ended.is_set():
            self._read(follow=True)
            self._ended.wait(AGAIN)
        for _ in range(LAST_TRIES):
            error = self._read(follow=True)
            self._complete = error is None and not self._given_up
            if self._given_up or error is None or error.is_final:
                return
            time.sleep(AGAIN)

    def finish(self, seconds: float) -> bool:
        """The container has ended: wait so long until its last line is read; whether it was.

        A connection that was dropped without a word keeps its reader: then another one reads.
        """
        self._ended.set()
        self.join(seconds)
        if not self.is_alive():
            return self._complete
        self._given_up = True
        return self._read(follow=False) is None

    def give_up(self) -> None:
        """There is no rest, or nobody wants it: the pod is being deleted."""
        self._given_up = True
        self._ended.set()

    def _read(self, *, follow: bool) -> PodApiError | None:
        heard = self._last
        try:
            for line in self._api.log(self._pod, self._container, follow=follow):
                if self._given_up and follow:
                    break
                self._take(line, heard)
        except PodApiError as error:
            return error
        return None

    def _take(self, line: str, heard: str) -> None:
        stamp, _, text = line.partition(" ")
        match = STAMP.match(stamp)
        if match is None:
            return  # the kubelet's own, such as of a watch that it cannot have: not the tool's
        at = f"{match[1]}.{(match[2] or '').ljust(DIGITS, '0')}"
        self._last = max(self._last, at)
        if at > heard:
            self._hear(text)
