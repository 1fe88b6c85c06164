"""Calrissian's usage report with a key of our own."""

from __future__ import annotations

from typing import Any

from calrissian.report import Reporter, TimelineReport

from calrissian_dask.runner.ledger import Ledger

KEY = "dask"


class DaskTimelineReport(TimelineReport):  # type: ignore[misc]  # Calrissian has no types
    """The report of a run with what its clusters cost; the tools' own entries are as ever."""

    ledger: Ledger

    def to_dict(self) -> dict[str, Any]:
        """Calrissian's, and under `dask` the ledger."""
        result: dict[str, Any] = super().to_dict()
        result.pop("ledger", None)  # Calrissian's takes every attribute
        return {**result, KEY: self.ledger.to_dict()}


def install(ledger: Ledger) -> None:
    """Take the place of the report that Calrissian has begun, before it has any entry."""
    with Reporter.lock:
        begun = Reporter.timeline_report
        report = DaskTimelineReport(begun.cores_allowed, begun.ram_mb_allowed)
        report.ledger = ledger
        Reporter.timeline_report = report
