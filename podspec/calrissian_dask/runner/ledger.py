"""What each cluster of a run was, how long it lived and what it cost; for the log and the usage report."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask.quantity import show_count, show_memory
from calrissian_dask.requirement import DaskGatewayRequirement
from calrissian_dask.runner.pod_state import Pod, container_state, said

GIB = 2**30


@dataclass
class ClusterRecord:
    """One step's cluster; filled as its pod goes on.

    `seconds` are from the provision's end to the cluster's: only then has it workers. A cluster
    that never came cost nothing that was asked for.
    """

    step: str
    asked: DaskGatewayRequirement
    pod: str = ""
    cluster: str | None = None
    workers: int = 0
    dashboard: str | None = None
    provision_seconds: float | None = None
    ready: datetime | None = None
    ended: datetime | None = None
    outcome: str = "no cluster"
    error: str | None = None

    def hear(self, pod: Pod) -> str | None:
        """Take what a pod's state tells; a sentence once the cluster is there."""
        self.pod = pod["metadata"]["name"]
        self._hear_sidecar(pod)
        message = said(pod, PROVISION)
        name = message.get("cluster")
        if self.cluster is not None or not name:
            return None
        self.cluster, self.outcome = str(name), "not told"
        self.workers = int(message.get("workers") or 0)
        self.dashboard = message.get("dashboard")
        self.provision_seconds = message.get("seconds")
        self.ready = _time(container_state(pod, PROVISION)["terminated"].get("finishedAt"))
        return self._arrival(message.get("words"))

    def _hear_sidecar(self, pod: Pod) -> None:
        ended = container_state(pod, SIDECAR).get("terminated")
        if not ended or self.cluster is None:
            return
        self.ended = _time(ended.get("finishedAt")) or self.ended
        message = said(pod, SIDECAR)
        if "release pending" in message:
            self.outcome, self.error = "release pending", message.get("reason")
        elif "stopped" in message:
            self.outcome = "released"

    def _arrival(self, words: object) -> str:
        cores = show_count(self.asked.worker_cores, "core")
        workers = show_count(self.workers, "worker")
        each = f"{cores}, {show_memory(self.asked.worker_memory)}"
        took = f" after {self.provision_seconds:.1f} s" if self.provision_seconds else ""
        parts = [f"Dask cluster {self.cluster} is ready{took}: {workers} ({each} each)"]
        parts += [str(words)] if words else []
        parts += [f"dashboard {self.dashboard}"] if self.dashboard else []
        return ", ".join(parts)

    def hours(self) -> float:
        """How long it had its workers."""
        if self.ready is None or self.ended is None:
            return 0.0
        return max(0.0, (self.ended - self.ready).total_seconds()) / 3600

    @property
    def core_hours(self) -> float:
        """Asked for: cores of a worker x workers x hours."""
        return float(self.asked.worker_cores) * self.workers * self.hours()

    @property
    def gib_hours(self) -> float:
        """Asked for: GiB of a worker x workers x hours."""
        return self.asked.worker_memory / GIB * self.workers * self.hours()

    def to_dict(self) -> dict[str, Any]:
        """For the usage report; keys as Calrissian writes its own."""
        return {
            "step": self.step,
            "pod": self.pod,
            "cluster": self.cluster,
            "outcome": self.outcome,
            "error": self.error,
            "workers": self.workers,
            "worker_cores": float(self.asked.worker_cores),
            "worker_memory_bytes": self.asked.worker_memory,
            "dashboard": self.dashboard,
            "provision_seconds": self.provision_seconds,
            "start_time": self.ready.isoformat() if self.ready else None,
            "finish_time": self.ended.isoformat() if self.ended else None,
            "core_hours": self.core_hours,
            "gib_hours": self.gib_hours,
        }


class Ledger:
    """All clusters of a run, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[ClusterRecord] = []

    def open(self, step: str, asked: DaskGatewayRequirement) -> ClusterRecord:
        """A record for a step that is about to ask."""
        record = ClusterRecord(step, asked)
        with self._lock:
            self._records.append(record)
        return record

    @property
    def records(self) -> list[ClusterRecord]:
        """In the order in which they were opened."""
        with self._lock:
            return list(self._records)

    def summary(self) -> list[str]:
        """A line for each cluster, and one for all where there are several; [] without any."""
        lines = []
        for record in self.records:
            what = f"cluster {record.cluster}" if record.cluster else "no cluster"
            lines.append(
                f"Dask: {record.step}: {what}, {_hours(record.core_hours, record.gib_hours)} asked"
                f" for, {record.outcome}"
            )
        if len(lines) > 1:
            total = self.to_dict()
            cost = _hours(total["total_core_hours"], total["total_gib_hours"])
            lines.append(f"Dask: {len(lines)} steps, {cost} asked for")
        return lines

    def to_dict(self) -> Mapping[str, Any]:
        """The usage report's key `dask`."""
        records = self.records
        return {
            "clusters": [record.to_dict() for record in records],
            "total_core_hours": sum(record.core_hours for record in records),
            "total_gib_hours": sum(record.gib_hours for record in records),
        }


def now() -> datetime:
    """As Kubernetes writes times: in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _hours(cores: float, memory: float) -> str:
    return f"{cores:.3f} core-hours and {memory:.3f} GiB-hours"
