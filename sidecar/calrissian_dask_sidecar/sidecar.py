"""The native sidecar: connects the tool to its cluster, and shuts the cluster down when the tool ends.

    start      stale files of a dead sidecar removed, both ports bound, then `up`
    serve      the scheduler's port (forward) and the gateway's API (loopback_api), until SIGTERM
    SIGTERM    `stopping` first, so that provision creates nothing any more; then
                 a name is recorded          -> DELETE at once
                 provision holds its lock    -> wait for a name or for the lock
                 neither                     -> nothing to stop; or, where an intent was written,
                                                the cluster with our tag
               and exit 0, whatever happens: the step's result is the tool's alone

The kubelet sends SIGTERM when the last regular container has ended, however it ended; nothing
else has to notice the tool's exit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread

from calrissian_dask_sidecar.addresses import Addresses, start_refresh
from calrissian_dask_sidecar.connection import Connection, ConnectionSource
from calrissian_dask_sidecar.errors import CalrissianDaskError, ConfigurationError
from calrissian_dask_sidecar.forward import Forwarder, listen
from calrissian_dask_sidecar.gateway_api import RUNNING, GatewayApi
from calrissian_dask_sidecar.loopback_api import LoopbackApi
from calrissian_dask_sidecar.program_settings import ProgramSettings
from calrissian_dask_sidecar.release import Release, release_all
from calrissian_dask_sidecar.state import State
from calrissian_dask_sidecar.unanswered import find_unanswered, open_intent

POLL = 0.02
"""Seconds between looks at the lock and the record while stopping."""

LOOK_UP = 1.0
"""Seconds that `up` waits for the proxy's address, so that the first connection finds it; with DNS
down it is up all the same."""

LOOK = 1.0
"""Seconds between looks at the record while serving, so that the name is known without the file."""

ASK_AGAIN = 10.0
"""Seconds at least between two questions what became of a cluster that hung up."""

RELEASE_TIME = 5.0
"""Seconds of the budget that are kept for the stop itself."""

STALE = ("stopping", "up", "refused")
"""Files of an earlier sidecar in the same volume that would be mistaken for ours."""


@dataclass
class Sidecar:
    """One run of the sidecar, with its effects injected; `termination` returns when SIGTERM has come."""

    settings: ProgramSettings
    api: GatewayApi
    proxy: Addresses
    state: State
    termination: Callable[[], None]
    say: Callable[[str], None]
    names: set[str] = field(default_factory=set)
    """Every cluster that this pod was ever seen to have; a lost file does not lose a cluster."""
    stopping: bool = False
    asked: float = float("-inf")

    def start(self) -> None:
        """Bind, serve and say `up`; raises ConfigurationError where a port is taken."""
        self.state.prepare()
        for name in STALE:
            self.state.remove(name)
        self.state.lock("sidecar.lock")
        self.state.start = os.urandom(16).hex()
        source = ConnectionSource(self.state)
        try:
            listener = listen(self.settings.scheduler_port)
            loopback = LoopbackApi(self.settings.api_port, self.api, self.current)
        except OSError as error:
            words = (
                f"a port of 127.0.0.1:{self.settings.scheduler_port} and"
                f" :{self.settings.api_port} cannot be bound ({error.strerror}): set other"
                " ports in the settings (ports.scheduler, ports.api)"
            )
            raise ConfigurationError(words) from error
        forwarder = Forwarder(listener, self.proxy, self._noted(source), self.say, self._lost)
        Thread(target=forwarder.run, name="forward", daemon=True).start()
        loopback.start()
        start_refresh([self.proxy, self.api.exchange.addresses])
        looked_up = time.monotonic() + LOOK_UP
        while not self.proxy.known() and time.monotonic() < looked_up:
            time.sleep(POLL)
        port = listener.getsockname()[1]
        self.state.write("up", scheduler_port=port, api_port=loopback.port)
        self.say(f"up: scheduler on 127.0.0.1:{port}, gateway API on 127.0.0.1:{loopback.port}")

    def current(self) -> str | None:
        """The cluster of this pod, as far as it is known now."""
        name = self.state.cluster_name()
        if name is not None:
            self.names.add(name)
        return name

    def serve(self) -> None:
        """Wait for SIGTERM."""
        Thread(target=self._keep_name, name="name", daemon=True).start()
        self.termination()

    def _keep_name(self) -> None:
        while not self.stopping:
            self.current()
            time.sleep(LOOK)

    def finish(self) -> dict[str, object]:
        """Stop what this pod has at the gateway; the termination message. Takes `stop_timeout` at most."""
        self.stopping = True
        began = time.monotonic()
        until = began + self.settings.stop_timeout
        with suppress(OSError):
            self.state.write("stopping")
        self._await_name(until - RELEASE_TIME)
        results = self._release(until)
        unknown = None
        intent = open_intent(self.state)
        if intent is not None:
            fresh, unknown = find_unanswered(
                self.api,
                intent,
                self.state.age(intent),
                self.settings.owner,
                self.names,
                until - RELEASE_TIME,
            )
            self.names = fresh
            results += self._release(until)
        return self._message(results, unknown) | {"seconds": round(time.monotonic() - began, 3)}

    def _release(self, until: float) -> list[Release]:
        record = self.state.read("cluster") or {}
        return release_all(
            self.api,
            sorted(self.names),
            until=until,
            age=self.state.age(record),
            seen=bool(record.get("seen")),
        )

    def _message(self, results: list[Release], unknown: str | None) -> dict[str, object]:
        for result in results:
            self.say(f"cluster {result.name}: {result.words}")
        pending = {result.name: result.words for result in results if not result.done}
        if unknown:
            pending["unknown"] = unknown
        if not pending:
            return {"stopped": [result.name for result in results]}
        names, reason = ", ".join(pending), next(reversed(pending.values()))
        self.say(f"release pending: {names} ({reason})")
        return {"release pending": names, "reason": reason}

    def _await_name(self, until: float) -> None:
        """Return when a name is recorded, or when no provision lives nor can begin any more."""
        while self.current() is None:
            if self.state.try_lock("provision.lock") is not None:
                self.current()  # it may have written the name and ended just before
                return
            if time.monotonic() > until:
                return
            time.sleep(POLL)

    def _noted(self, source: ConnectionSource) -> Callable[[], Connection | None]:
        def get() -> Connection | None:
            connection = source.get()
            if connection is not None:
                self.names.add(connection.name)
            return connection

        return get

    def _lost(self) -> None:
        """The scheduler hung up: ask the gateway what became of the cluster, and say so."""
        now = time.monotonic()
        if now - self.asked < ASK_AGAIN or self.stopping:
            return
        self.asked = now
        Thread(target=self._say_status, name="status", daemon=True).start()

    def _say_status(self) -> None:
        name = self.current()
        if name is None:
            return
        try:
            cluster = self.api.get(name)
        except CalrissianDaskError as error:
            self.say(str(error))
            return
        status = "unknown to the gateway" if cluster is None else cluster.status
        if status != RUNNING:
            self.say(
                f"cluster {name} is {status}: somebody or its idle_timeout has stopped it while the"
                " tool was running"
            )


def guarded(sidecar: Sidecar) -> dict[str, object]:
    """Serve and finish; a bug in either still gives the cluster back. The termination message."""
    try:
        sidecar.serve()
        return sidecar.finish()
    except Exception as error:  # the last guard: a leaked cluster is worse than an ugly message
        until = time.monotonic() + sidecar.settings.stop_timeout
        results = release_all(sidecar.api, sorted(sidecar.names), until=until, age=0.0, seen=True)
        sidecar.say(f"unexpected {type(error).__name__}: {error}; please report it")
        pending = [result.name for result in results if not result.done]
        message: dict[str, object] = {"error": f"{type(error).__name__}: {error}"}
        if pending:
            message["release pending"] = ", ".join(pending)
        return message
