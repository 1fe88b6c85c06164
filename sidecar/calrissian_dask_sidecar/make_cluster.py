"""From the ask to a RUNNING, scaled cluster: the part of provision that talks to the gateway."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from calrissian_dask_sidecar.create_cluster import Creation
from calrissian_dask_sidecar.errors import (
    GatewayError,
    GatewayUnavailableError,
)
from calrissian_dask_sidecar.gateway_api import (
    FAILED,
    RUNNING,
    STOPPED,
    WAIT_TIMEOUT,
    Cluster,
    GatewayApi,
)
from calrissian_dask_sidecar.patience import Patience
from calrissian_dask_sidecar.program_settings import ProgramSettings
from calrissian_dask_sidecar.release import YOUNG
from calrissian_dask_sidecar.signals import Interruption
from calrissian_dask_sidecar.state import State

LOOK_AGAIN = 0.5
"""Seconds between looks at a PENDING cluster, as dask_gateway's client does it."""

GIVEN = re.compile(r"Scaling to (\d+) instead|maximum=(\d+), minimum=\d+` instead")
"""How many workers the gateway gives, in the words of dask_gateway_server/routes.py."""


@dataclass(frozen=True)
class Made:
    """A RUNNING cluster, the workers that it was given, and the gateway's words if those are fewer."""

    cluster: Cluster
    workers: int
    words: str | None


def make_cluster(
    settings: ProgramSettings,
    api: GatewayApi,
    state: State,
    interruption: Interruption,
    deadline: float,
    say: Callable[[str], None],
) -> Made:
    """The recorded cluster if it lives, else a new one, RUNNING and scaled.

    `deadline` is a monotonic time. Raises GatewayError and ConfigurationError; the cluster that
    was made until then is recorded in the state.
    """
    patience = Patience(deadline, settings.provision_timeout, say)
    maker = _Maker(settings, api, state, interruption, patience, say)
    creation = Creation(settings, api, state, interruption, patience, say)
    name = maker.earlier() or creation.create()
    cluster = maker.running(name)
    return maker.scale(cluster)


@dataclass(frozen=True)
class _Maker:
    settings: ProgramSettings
    api: GatewayApi
    state: State
    interruption: Interruption
    patience: Patience
    say: Callable[[str], None]

    def earlier(self) -> str | None:
        """The cluster of an earlier run in this pod, if it still lives."""
        name = self.state.cluster_name()
        if name is None:
            if self.state.present("cluster"):
                self.say("the record of an earlier cluster is not readable: taken as absent")
            return None
        cluster = self.patience.persist(lambda: self.api.get(name))
        if cluster is None and self.state.age(self.state.read("cluster") or {}) < YOUNG:
            return name  # so young that the gateway may not have seen it yet
        if cluster is not None and cluster.status in ("PENDING", RUNNING):
            self.say(f"cluster {name} of an earlier run is {cluster.status}: used again")
            return name
        self.say(f"cluster {name} of an earlier run has ended: a new one is made")
        self.state.remove("connection")
        self.state.remove("cluster")
        return None

    def running(self, name: str) -> Cluster:
        """Wait until the cluster is RUNNING."""
        born = time.monotonic()
        silent = False
        while time.monotonic() < self.patience.deadline:
            timeout = min(WAIT_TIMEOUT, max(1.0, self.patience.deadline - time.monotonic()))
            try:
                cluster = self.api.get(name, wait=True, timeout=timeout)
            except GatewayUnavailableError as error:
                if not silent:
                    self.say(f"waiting goes on although {error}")
                cluster, silent = None, True
            else:
                self._judge(name, cluster, time.monotonic() - born)
            if cluster is not None and cluster.status == RUNNING:
                with self.interruption.deferred():
                    self.state.write("cluster", name=name, seen=True)
                return cluster
            time.sleep(LOOK_AGAIN)
        raise GatewayError(
            f"timeout: cluster {name} was not RUNNING after {self.settings.provision_timeout} s:"
            " look at its scheduler's pod (image, quota, free nodes), or raise"
            " gateway.provisionTimeout"
        )

    def _judge(self, name: str, cluster: Cluster | None, age: float) -> None:
        if cluster is None and age > YOUNG:
            raise GatewayError(f"cluster {name} is unknown to the gateway: somebody removed it")
        if cluster is not None and cluster.status == FAILED:
            raise GatewayError(
                f"cluster {name} FAILED to start: see the gateway's log and the scheduler's; is"
                f" dask-gateway installed in the image {self.settings.image}?"
            )
        if cluster is not None and cluster.status in ("STOPPING", STOPPED):
            raise GatewayError(f"cluster {name} is {cluster.status}: somebody stopped it")

    def scale(self, cluster: Cluster) -> Made:
        """Ask for the workers; fewer is said, none is an error."""
        asked = self.settings.workers
        words = self.patience.persist(lambda: self._resize(cluster.name, asked))
        if words is None:
            return Made(cluster, asked, None)
        match = GIVEN.search(words)
        given = int(next(filter(None, match.groups()))) if match else asked
        if given == 0:
            raise GatewayError(
                f"the gateway gives no worker: {words} Its limits count the scheduler too: ask for"
                " smaller workers, or raise cluster_max_cores and cluster_max_memory there"
            )
        self.say(f"asked for {asked} workers and given {given}: {words}")
        return Made(cluster, given, words)

    def _resize(self, name: str, workers: int) -> str | None:
        try:
            if self.settings.scaling == "adaptive":
                return self.api.adapt(name, 1, workers)
            return self.api.scale(name, workers)
        except GatewayError as error:
            if error.status == 409:  # "not running": not any more, or not yet in this server's eyes
                self._judge(name, self.api.get(name), age=0.0)
            raise
