"""Stopping, in memory: a gateway behind the module's own protocol, that answers as it is told."""

from __future__ import annotations

import threading
import time

from calrissian_dask_sidecar.errors import GatewayError, GatewayUnavailableError
from calrissian_dask_sidecar.gateway_api import Cluster
from calrissian_dask_sidecar.release import Pace, release, release_all

FAST = Pace(beside=0.05, again=0.01, timeouts=(0.2, 0.4, 0.8))


class Gateway:
    """Answers `get` with the given statuses in turn (the last one stays); None is 404."""

    def __init__(self, *statuses: str | Exception | None) -> None:
        self.statuses = list(statuses)
        self.deletes = 0
        self.lock = threading.Lock()

    def delete(self, name: str, *, timeout: float) -> None:
        with self.lock:
            self.deletes += 1

    def get(self, name: str, *, timeout: float) -> Cluster | None:
        with self.lock:
            status = self.statuses[0] if len(self.statuses) == 1 else self.statuses.pop(0)
        if isinstance(status, Exception):
            raise status
        return None if status is None else Cluster(name, status, {})


def stop(
    gateway: Gateway, budget: float = 2.0, age: float = 60.0, seen: bool = True
) -> tuple[bool, str]:
    result = release(gateway, "c", until=time.monotonic() + budget, age=age, seen=seen, pace=FAST)
    return result.done, result.words


def test_t33_a_cluster_that_is_gone_is_a_success() -> None:
    for status in ("STOPPING", "STOPPED", "FAILED", None):
        assert stop(Gateway(status))[0]


def test_t32_delete_is_repeated_until_the_gateway_shows_it() -> None:
    """204 is answered from a stale cache too: dask_gateway_server/routes.py, delete_cluster."""
    gateway = Gateway("RUNNING", "RUNNING", "STOPPING")
    assert stop(gateway) == (True, "STOPPING")
    assert gateway.deletes == 3


def test_t34_a_gateway_that_comes_back_within_the_budget_is_asked_again() -> None:
    down = GatewayUnavailableError("connection refused", sent=False)
    assert stop(Gateway(down, down, down, "STOPPED")) == (True, "STOPPED")


def test_t35_beyond_the_budget_it_is_said_why() -> None:
    down = GatewayUnavailableError("connection refused", sent=False)
    assert stop(Gateway(down), budget=0.2) == (False, "connection refused")


def test_t36_refused_credentials_are_the_reason_that_is_said() -> None:
    assert stop(Gateway(GatewayError("401: expired", 401)), budget=0.2) == (False, "401: expired")


def test_unknown_right_after_creation_is_not_gone() -> None:
    """dask-gateway's Kubernetes API server answers 204 and 404 for what its informer has not seen."""
    gateway = Gateway(None, None, "RUNNING", "STOPPED")
    assert stop(gateway, age=0.0, seen=False) == (True, "STOPPED")
    assert gateway.deletes == 4


def test_unknown_is_gone_once_it_was_seen_or_is_old() -> None:
    assert stop(Gateway(None), age=0.0, seen=True) == (True, "gone")
    assert stop(Gateway(None), age=6.0, seen=False) == (True, "gone")


def test_a_bug_in_a_try_does_not_end_the_tries() -> None:
    assert stop(Gateway(KeyError("x"), "STOPPED")) == (True, "STOPPED")


class Slow(Gateway):
    """The first DELETE never comes back."""

    def delete(self, name: str, *, timeout: float) -> None:
        super().delete(name, timeout=timeout)
        if self.deletes == 1:
            threading.Event().wait(30)


def test_a_second_try_runs_beside_a_slow_first() -> None:
    assert stop(Slow("STOPPED")) == (True, "STOPPED")


def test_tries_at_once_are_few() -> None:
    started = []

    class Stuck(Gateway):
        def delete(self, name: str, *, timeout: float) -> None:
            started.append(1)
            threading.Event().wait(30)

    assert not stop(Stuck("RUNNING"), budget=0.6)[0]
    assert len(started) == FAST.side_by_side


def test_without_budget_nothing_hangs() -> None:
    assert not stop(Gateway("RUNNING"), budget=-1.0)[0]


def test_several_clusters_are_stopped_side_by_side() -> None:
    until = time.monotonic() + 5
    results = release_all(Gateway("STOPPED"), ["a", "b"], until=until, age=60, seen=True)
    assert sorted((r.name, r.done) for r in results) == [("a", True), ("b", True)]
