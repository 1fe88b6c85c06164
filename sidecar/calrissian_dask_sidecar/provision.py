"""The init container: makes the step's cluster, once, and proves the way to it before the tool starts.

    1. the lock            nobody else provisions this pod, and whoever looks sees that we live
    2. the sidecar is up   something that can clean up is there before there is anything to clean up
    3. the final error     of an earlier run of ours: said again, nothing is asked for again
    4. the earlier cluster of an earlier run of ours: used again if it lives
    5. the options         what is asked for, checked against what the gateway offers
    6. create              intent, POST, the name recorded at once
    7. RUNNING             within the deadline
    8. scale               to the workers asked for, or to as many as the gateway gives
    9. the connection      recorded, and the scheduler heard through the sidecar's port

SIGTERM at any point gives back what was made. `make_cluster.py` has steps 4 to 8.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from calrissian_dask_sidecar import contract
from calrissian_dask_sidecar.connection import write_connection
from calrissian_dask_sidecar.errors import CalrissianDaskError, ConfigurationError, GatewayError
from calrissian_dask_sidecar.gateway_api import GatewayApi
from calrissian_dask_sidecar.make_cluster import Made, make_cluster
from calrissian_dask_sidecar.program_settings import ProgramSettings
from calrissian_dask_sidecar.release import release
from calrissian_dask_sidecar.signals import Interruption, Terminated
from calrissian_dask_sidecar.state import State

POLL = 0.02
"""Seconds between looks at a file of the volume."""

SIDECAR_TIMEOUT = 60.0
"""Seconds until the sidecar must be up: below a 100m CPU limit Python needs many to boot."""

LOOK_UP_TIMEOUT = 10.0
"""Seconds for the gateway's name; after them the first call says what is wrong with it."""

HEAR_TIMEOUT = 60.0
"""Seconds until the scheduler of a RUNNING cluster must have been heard; usual are 0.1."""

FIRST_BYTES_TIMEOUT = 5.0
"""Seconds for one try to hear the scheduler: it greets at once."""

SETTLE = 0.2
"""Seconds between two such tries: the proxy learns of a new cluster a moment after it is RUNNING."""


@dataclass(frozen=True)
class Outcome:
    """How provision ended, as the termination message has it."""

    exit_code: int
    message: dict[str, object]


@dataclass(frozen=True)
class Provision:
    """One run of the init container, with its effects injected."""

    settings: ProgramSettings
    api: GatewayApi
    state: State
    interruption: Interruption
    say: Callable[[str], None]

    def run(self) -> Outcome:
        """Make the cluster; whatever happens, say how it ended. Never raises."""
        try:
            return self._run()
        except Terminated:
            self._give_back()
            return self._terminated()

    def _run(self) -> Outcome:
        started = time.monotonic()
        try:
            self._take_lock()
            sidecar_port = self._await_sidecar()
            self._refuse_again()
            deadline = started + self.settings.provision_timeout
            self._await_addresses()
            made = make_cluster(
                self.settings, self.api, self.state, self.interruption, deadline, self.say
            )
            write_connection(self.state, made.cluster)
            self.state.publish_cluster(made.cluster.name)
            self._hear_scheduler(sidecar_port, min(deadline, time.monotonic() + HEAR_TIMEOUT))
            self.state.write("outcome", name=made.cluster.name)
            return self._ready(made, time.monotonic() - started)
        except CalrissianDaskError as error:
            return self._failed(error)
        except Exception as error:  # a bug: the cluster must be given back and the reason be read
            return self._failed(
                CalrissianDaskError(f"unexpected {type(error).__name__}: {error}; please report it")
            )

    def _take_lock(self) -> None:
        """Take the lock for the rest of this process; a stopping sidecar does not give it."""
        while self.state.try_lock("provision.lock") is None:
            if self.state.present("stopping"):
                raise Terminated
            time.sleep(POLL)

    def _await_sidecar(self) -> int:
        """The sidecar's scheduler port, once a living sidecar says that it is up."""
        deadline = time.monotonic() + SIDECAR_TIMEOUT
        while time.monotonic() < deadline:
            record = self.state.read("up")
            if record is not None and self.state.locked("sidecar.lock"):
                self.state.start = str(record.get("start"))
                return int(record["scheduler_port"])
            refused = self.state.read("refused")
            if refused is not None:
                raise ConfigurationError(f"the sidecar cannot start: {refused.get('words')}")
            time.sleep(POLL)
        raise ConfigurationError(
            f"the sidecar was not up after {SIDECAR_TIMEOUT:.0f} s: look at its log, and give it"
            " more CPU than the default limit of 500m if the node throttles it"
        )

    def _await_addresses(self) -> None:
        """Wait for the look-up in the other thread: in this one it could not be interrupted."""
        deadline = time.monotonic() + LOOK_UP_TIMEOUT
        while not self.api.exchange.addresses.known() and time.monotonic() < deadline:
            time.sleep(POLL)

    def _refuse_again(self) -> None:
        outcome = self.state.read("outcome") or {}
        if "error" in outcome and outcome.get("start") == self.state.start:
            raise GatewayError(f"{outcome['error']} (an earlier run's final error)")

    def _hear_scheduler(self, port: int, deadline: float) -> None:
        """Open one connection as the tool will, and wait for the scheduler's first bytes.

        A Dask scheduler greets whoever connects (distributed/comm/core.py, handshake).
        """
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), FIRST_BYTES_TIMEOUT) as tool:
                    if tool.recv(1):
                        return
            except OSError:
                pass
            time.sleep(SETTLE)
        raise GatewayError(
            "the cluster runs and its scheduler cannot be reached through the gateway's proxy at"
            f" {self.settings.proxy_address or self.settings.gateway_url}: set"
            " gateway.proxyAddress to the host:port at which the gateway serves schedulers"
        )

    def _ready(self, made: Made, seconds: float) -> Outcome:
        message: dict[str, object] = {
            "cluster": made.cluster.name,
            "workers": made.workers,
            "seconds": round(seconds, 3),
        }
        if made.cluster.dashboard_route:
            base = self.settings.public_url or self.settings.gateway_url
            message["dashboard"] = base.rstrip("/") + made.cluster.dashboard_route
        if made.words:
            message["words"] = made.words
        self.say(f"cluster {made.cluster.name} is ready after {seconds:.1f} s")
        return Outcome(contract.EXIT_OK, message)

    def _failed(self, error: CalrissianDaskError) -> Outcome:
        self.interruption.ignore()
        self.say(f"no cluster: {error}")
        with suppress(OSError):
            self.state.write("outcome", error=str(error))
        self._give_back()
        configuration = isinstance(error, ConfigurationError)
        code = contract.EXIT_CONFIGURATION if configuration else contract.EXIT_NO_CLUSTER
        return Outcome(code, {"error": str(error)} | self._left())

    def _terminated(self) -> Outcome:
        self.say("ended by SIGTERM before the cluster was ready")
        return Outcome(
            contract.EXIT_TERMINATED, {"error": "ended by SIGTERM before ready"} | self._left()
        )

    def _left(self) -> dict[str, object]:
        name = self.state.cluster_name()
        return {} if name is None else {"release pending": name}

    def _give_back(self) -> None:
        """Stop the recorded cluster; what does not succeed here the sidecar goes on with."""
        self.interruption.ignore()
        name = self.state.cluster_name()
        if name is None:
            return
        record = self.state.read("cluster") or {}
        result = release(
            self.api,
            name,
            until=time.monotonic() + self.settings.stop_timeout,
            age=self.state.age(record),
            seen=bool(record.get("seen")),
        )
        self.say(f"cluster {name}: {result.words}")
        if result.done:
            self.state.remove("connection")
            self.state.remove("cluster")
