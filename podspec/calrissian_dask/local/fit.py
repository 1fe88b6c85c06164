"""The ask, fitted to one machine: never failed by it, and said when it is less."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from calrissian_dask.quantity import show_memory
from calrissian_dask.requirement import DaskGatewayRequirement

MEMORY_SHARE = 0.8
"""Of the machine's memory that workers may have; the tool and the rest need some as well."""


@dataclass(frozen=True)
class Machine:
    """What there is: cores, and bytes of memory."""

    cores: int
    memory: int


@dataclass(frozen=True)
class Fit:
    """What is asked of the embedded gateway; `words` where it is less than the author asked for."""

    workers: int
    worker_cores: int
    worker_memory: int
    words: str | None


def this_machine() -> Machine:
    """The cores that this process may use, and the memory of the machine."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return Machine(cores, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def fit(asked: DaskGatewayRequirement, machine: Machine, max_workers: int | None = None) -> Fit:
    """The workers for which the machine has room, at least one; `max_workers` overrides the room.

    A local worker has whole cores, so fractions are rounded up; one that is larger than the
    machine becomes as large as the machine.
    """
    memory = max(1, int(machine.memory * MEMORY_SHARE))
    worker_cores = min(math.ceil(asked.worker_cores), machine.cores)
    worker_memory = min(asked.worker_memory, memory)
    room = min(machine.cores // worker_cores, memory // worker_memory)
    workers = max(1, min(asked.workers, room if max_workers is None else max_workers))
    words = []
    if workers < asked.workers:
        limit = "--max-workers allows" if max_workers is not None else "this machine has room for"
        words.append(f"asked for {asked.workers} workers, {limit} {workers}")
    if worker_cores < asked.worker_cores:
        words.append(f"a worker's {math.ceil(asked.worker_cores)} cores become {worker_cores}")
    if worker_memory < asked.worker_memory:
        asked_memory, given = show_memory(asked.worker_memory), show_memory(worker_memory)
        words.append(f"a worker's {asked_memory} of memory become {given}")
    return Fit(workers, worker_cores, worker_memory, "; ".join(words) or None)
