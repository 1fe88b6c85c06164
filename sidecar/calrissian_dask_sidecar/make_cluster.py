"""From the ask to a RUNNING, scaled cluster: the part of provision that talks to the gateway."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from calrissian_dask_sidecar.cluster_options import cluster_options, is_tagged, tag_option
from calrissian_dask_sidecar.errors import (
    GatewayError,
    GatewayUnavailableError,
    NoAnswerError,
)
from calrissian_dask_sidecar.gateway_api import (
    FAILED,
    RUNNING,
    STOPPED,
    WAIT_TIMEOUT,
    Cluster,
    GatewayApi,
)
from calrissian_dask_sidecar.program_settings import ProgramSettings
from calrissian_dask_sidecar.release import YOUNG
from calrissian_dask_sidecar.signals import Interruption, Terminated
from calrissian_dask_sidecar.state import State

CREATE_TIMEOUT = 20.0
"""Seconds for the answer to the POST: within the 30 s of grace, as SIGTERM waits for this answer."""

BACK_OFF = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries of a call that may succeed later; the last one repeats."""

LOOK_AGAIN = 0.5
"""Seconds between looks at a PENDING cluster, as dask_gateway's client does it."""

GIVEN = re.compile(r"Scaling to (\d+) instead|maximum=(\d+), minimum=\d+` instead")
"""How many workers the gateway gives, in the words of dask_gateway_server/routes.py."""

T = TypeVar("T")


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
    maker = _Maker(settings, api, state, interruption, deadline, say)
    name = maker.earlier() or maker.create()
    cluster = maker.running(name)
    return maker.scale(cluster)


@dataclass(frozen=True)
class _Maker:
    settings: ProgramSettings
    api: GatewayApi
    state: State
    interruption: Interruption
    deadline: float
    say: Callable[[str], None]

    def earlier(self) -> str | None:
        """The cluster of an earlier run in this pod, if it still lives."""
        name = self.state.cluster_name()
        if name is None:
            if self.state.present("cluster"):
                self.say("the record of an earlier cluster is not readable: taken as absent")
            return None
        cluster = self.persist(lambda: self.api.get(name))
        if cluster is None and self.state.age(self.state.read("cluster") or {}) < YOUNG:
            return name  # so young that the gateway may not have seen it yet
        if cluster is not None and cluster.status in ("PENDING", RUNNING):
            self.say(f"cluster {name} of an earlier run is {cluster.status}: used again")
            return name
        self.say(f"cluster {name} of an earlier run has ended: a new one is made")
        self.state.remove("connection")
        self.state.remove("cluster")
        return None

    def create(self) -> str:
        """Ask for a cluster, once, and record its name."""
        offered = self.persist(self.api.options)
        options = cluster_options(self.settings, offered)
        tag = tag_option(self.settings, offered)
        tries = 0
        while True:
            with self.interruption.deferred():
                if self.state.present("stopping"):
                    raise Terminated
                self.state.write("intent", tag=tag)
                name, failure = self._post(options, tag)
                if name is not None:
                    self.state.write("cluster", name=name)
                self.state.remove("intent")
            if failure is None:
                break
            self._pause(tries, failure)
            tries += 1
        self.say(f"cluster {name} was asked for: {_shown(options)}")
        return str(name)

    def _post(
        self, options: dict[str, Any], tag: str | None
    ) -> tuple[str | None, GatewayError | None]:
        """A name, or the failure after which the POST may be sent again.

        The intent stays where nobody knows what became of the POST, and goes where it was refused.
        """
        try:
            return self.api.create(options, timeout=CREATE_TIMEOUT), None
        except GatewayUnavailableError as error:
            found = self._unanswered(error, tag)
            return found, None if found else error
        except GatewayError:
            self.state.remove("intent")
            raise

    def _unanswered(self, error: GatewayUnavailableError, tag: str | None) -> str | None:
        """What a failed POST left behind: a name, or None where it may be sent again."""
        if error.refused:
            return None
        if tag is not None:
            return self._tagged(tag)
        if error.status == 500:
            return None  # dask-gateway's own words for "I could not": nothing was made
        raise NoAnswerError(
            f"{error}, so a cluster may have been made whose name nobody knows: see the gateway's"
            " list, and offer a Mapping option (gateway.options.tag) by which such a cluster is"
            " found and stopped",
            error.status,
        ) from error

    def _tagged(self, tag: str) -> str | None:
        """The cluster with our tag; asked for until it would certainly be listed."""
        until = time.monotonic() + YOUNG
        while True:
            try:
                for cluster in self.api.list():
                    if is_tagged(cluster.options.get(tag), self.settings.owner):
                        return cluster.name
            except GatewayUnavailableError:
                pass
            if time.monotonic() > until:
                return None
            time.sleep(LOOK_AGAIN)

    def running(self, name: str) -> Cluster:
        """Wait until the cluster is RUNNING."""
        born = time.monotonic()
        silent = False
        while time.monotonic() < self.deadline:
            timeout = min(WAIT_TIMEOUT, max(1.0, self.deadline - time.monotonic()))
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
        if self.settings.scaling == "adaptive":
            words = self.persist(lambda: self.api.adapt(cluster.name, 1, asked))
        else:
            words = self.persist(lambda: self.api.scale(cluster.name, asked))
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

    def persist(self, call: Callable[[], T]) -> T:
        """The result of a call that may be repeated, with back-off while the gateway is unavailable."""
        tries = 0
        while True:
            try:
                return call()
            except GatewayUnavailableError as error:
                failure: GatewayError = error
            except GatewayError as error:
                if error.status != 409:  # "not running" (yet): the record lags behind the status
                    raise
                failure = error
            self._pause(tries, failure)
            tries += 1

    def _pause(self, tries: int, failure: GatewayError) -> None:
        pause = BACK_OFF[min(tries, len(BACK_OFF) - 1)]
        if time.monotonic() + pause > self.deadline:
            raise GatewayError(
                f"timeout after {self.settings.provision_timeout} s: {failure}", failure.status
            ) from failure
        if tries == 0:
            self.say(
                f"tried again until it works or {self.settings.provision_timeout} s are over:"
                f" {failure}"
            )
        time.sleep(pause)


def _shown(options: dict[str, Any]) -> str:
    return (
        ", ".join(f"{name}={value}" for name, value in options.items()) or "the gateway's defaults"
    )
