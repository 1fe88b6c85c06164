"""What is said while clusters are made, and at the end: on standard error only.

On a terminal one live line; in a log a plain line at each change.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TextIO

from calrissian_dask.quantity import show_memory

REDRAW = 0.5
"""Seconds between two states of the live line."""

ERASE = "\r\x1b[K"


@dataclass
class StepReport:
    """One step's cluster in numbers; seconds are None until known."""

    step: str
    workers: int
    worker_cores: int
    worker_memory: int
    began: float = field(default_factory=time.monotonic)
    provisioned: float | None = None
    ran: float | None = None
    stopped: float | None = None
    ended: str = ""

    def line(self) -> str:
        """A row of the summary."""
        cells = [f"{self.workers} x {self.worker_cores} cores, {show_memory(self.worker_memory)}"]
        for name, value in (
            ("provision", self.provisioned),
            ("run", self.ran),
            ("stop", self.stopped),
        ):
            cells.append(f"{name} {'-' if value is None else f'{value:.1f} s'}")
        return f"  {self.step}: {', '.join(cells)}{self.ended and ', ' + self.ended}"


class Progress:
    """Safe to use from several threads; `stream` is standard error.

    With `quiet` only what went wrong is said, as cwltool does it.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = stream.isatty()
        self._lock = threading.RLock()
        self._waiting: dict[str, StepReport] = {}
        self._reports: list[StepReport] = []
        self._drawn = False
        self._ticker: threading.Thread | None = None

    def say(self, sentence: str) -> None:
        """A line of its own."""
        with self._lock:
            self.clear()
            self._stream.write(f"calrissian-dask: {sentence}\n")
            self._stream.flush()

    def tell(self, sentence: str) -> None:
        """A line of its own, unless only what went wrong is wanted."""
        if not self._quiet:
            self.say(sentence)

    def begin(self, report: StepReport) -> None:
        """A cluster is asked for."""
        with self._lock:
            self._reports.append(report)
            self._waiting[report.step] = report
            if self._quiet or not self._live:
                self.tell(
                    f"[{report.step}] waiting for a Dask cluster of {_workers(report.workers)}"
                )
            elif self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
                self._ticker.start()

    def ready(self, report: StepReport) -> None:
        """It is there."""
        with self._lock:
            self._waiting.pop(report.step, None)
            report.provisioned = time.monotonic() - report.began
            self.tell(
                f"[{report.step}] Dask cluster of {_workers(report.workers)} is ready after"
                f" {report.provisioned:.1f} s"
            )

    def gone(self, report: StepReport) -> None:
        """It will not come, or has gone: nothing is waited for any more."""
        with self._lock:
            self._waiting.pop(report.step, None)
            self.clear()

    def summary(self) -> None:
        """A row per step that had or wanted a cluster."""
        if self._reports:
            self.tell("\n".join(["Dask clusters of this run", *(r.line() for r in self._reports)]))

    def clear(self) -> None:
        """Take the live line away, for a line of somebody else."""
        with self._lock:
            if self._drawn:
                self._stream.write(ERASE)
                self._stream.flush()
                self._drawn = False

    def _tick(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._ticker = None
                    return
                self._stream.write(ERASE + self._line())
                self._stream.flush()
                self._drawn = True
            time.sleep(REDRAW)

    def _line(self) -> str:
        now = time.monotonic()
        parts = [
            f"[{report.step}] {_workers(report.workers)}, {now - report.began:.0f} s"
            for report in self._waiting.values()
        ]
        more = f" and {len(parts) - 2} more" if len(parts) > 2 else ""
        return f"waiting for a Dask cluster: {'; '.join(parts[:2])}{more}"


def _workers(number: int) -> str:
    return f"{number} worker{'' if number == 1 else 's'}"
