"""Give clusters back: DELETE, see that it was heard, repeat, within a budget.

Three things make this more than one request. A gateway answers DELETE with 204 even for a cluster
that its cache has not seen yet, so only a GET tells. A slow first try must not hold up the second,
so tries run side by side, each with a longer timeout. And nothing here may outlive the budget: the
kubelet ends us by then anyway.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from calrissian_dask_sidecar.errors import CalrissianDaskError
from calrissian_dask_sidecar.gateway_api import RELEASED, Cluster

YOUNG = 5.0
"""Seconds after creation in which "unknown" may mean "not seen yet": the informer of dask-gateway's
Kubernetes API server lags by about one, and by a few on a loaded API server."""


LEAST = 2.0
"""Seconds that a stop always has, whatever was spent before: the kubelet's own least."""


class Stoppable(Protocol):
    """The part of the gateway's API that stopping needs."""

    def delete(self, name: str, *, timeout: float) -> None:
        """Ask for the cluster's end."""

    def get(self, name: str, *, timeout: float) -> Cluster | None:
        """The cluster, or None where the name is unknown."""


@dataclass(frozen=True)
class Pace:
    """How fast tries follow each other, in seconds."""

    beside: float = 2.0
    """A try that has not answered by then gets another one beside it: a healthy gateway takes 10 ms."""
    again: float = 0.25
    """Pause after a try that was answered "still there" or failed at once."""
    timeouts: tuple[float, ...] = (4.0, 8.0, 15.0, 25.0)
    """Of the first, second, ... try: short where one request was lost, long where the gateway is slow."""
    side_by_side: int = 4
    """Tries at once; more would only add to the load of a gateway that is down."""


@dataclass(frozen=True)
class Release:
    """What became of one cluster."""

    name: str
    done: bool
    words: str


def release(
    api: Stoppable, name: str, *, until: float, age: float, seen: bool, pace: Pace | None = None
) -> Release:
    """Stop one cluster and wait until the gateway shows that it has heard.

    `until` is a monotonic time, `age` the seconds since the cluster was created; `seen` says that
    the gateway has shown it before, so that "unknown" means "gone". Never raises.
    """
    pace = pace or Pace()
    until = max(until, time.monotonic() + LEAST)
    settled = float("-inf") if seen else time.monotonic() + YOUNG - age
    answers: queue.Queue[tuple[bool, str]] = queue.Queue()
    words = "the gateway was not reached in time"
    running = 0
    tries = 0
    while (left := until - time.monotonic()) > 0:
        if running < pace.side_by_side:
            timeout = min(pace.timeouts[min(tries, len(pace.timeouts) - 1)], left)
            threading.Thread(
                target=lambda limit=timeout: answers.put(_try(api, name, limit, settled)),
                name=f"release-{tries}",
                daemon=True,
            ).start()
            tries += 1
            running += 1
        try:
            done, words = answers.get(timeout=min(pace.beside, left))
        except queue.Empty:
            continue
        running -= 1
        if done:
            return Release(name, True, words)
        time.sleep(min(pace.again, max(0.0, until - time.monotonic())))
    return Release(name, False, words)


def release_all(
    api: Stoppable, names: Iterable[str], *, until: float, age: float, seen: bool
) -> list[Release]:
    """Stop several clusters side by side; the usual case is one."""
    results: list[Release] = []
    threads = [
        threading.Thread(
            target=lambda one=name: results.append(
                release(api, one, until=until, age=age, seen=seen)
            ),
            daemon=True,
        )
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _try(api: Stoppable, name: str, timeout: float, settled: float) -> tuple[bool, str]:
    """One DELETE and one look; whether the cluster is certainly on its way out, and in what words."""
    deadline = time.monotonic() + timeout
    try:
        api.delete(name, timeout=timeout)
        cluster = api.get(name, timeout=max(0.1, deadline - time.monotonic()))
    except CalrissianDaskError as error:
        return False, str(error)
    except Exception as error:  # a bug here must not end the repetition that is all that is left
        return False, f"{type(error).__name__}: {error}"
    if cluster is None:
        if time.monotonic() < settled:
            return False, "the gateway does not know the cluster yet"
        return True, "gone"
    if cluster.status in RELEASED:
        return True, cluster.status
    return False, f"the gateway still reports it {cluster.status}"
