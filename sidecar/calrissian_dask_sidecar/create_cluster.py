"""The POST, once: and what becomes of it when its answer does not come.

Dask Gateway knows no idempotency key, and the server makes the name. So the intent is written
before the POST and removed when it is known what became of it; whoever finds an intent (a later run
of provision, or the sidecar at the pod's end) looks for the cluster by the tag that it carries.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from calrissian_dask_sidecar.cluster_options import cluster_options, is_tagged, tag_option
from calrissian_dask_sidecar.errors import GatewayError, GatewayUnavailableError, NoAnswerError
from calrissian_dask_sidecar.gateway_api import GatewayApi
from calrissian_dask_sidecar.patience import Patience
from calrissian_dask_sidecar.program_settings import ProgramSettings
from calrissian_dask_sidecar.release import YOUNG, release
from calrissian_dask_sidecar.signals import Interruption, Terminated
from calrissian_dask_sidecar.state import State

CREATE_TIMEOUT = 20.0
"""Seconds for the answer to the POST: within the 30 s of grace, as SIGTERM waits for this answer."""

INTENT_SETTLED = CREATE_TIMEOUT + YOUNG
"""Seconds after an intent when its cluster is certainly in the gateway's list, if it was made."""

LOOK_AGAIN = 0.5
"""Seconds between looks at the gateway's list."""


def owned(api: GatewayApi, tag: str, owner: str) -> set[str]:
    """The names of the listed clusters that carry this owner's tag."""
    return {one.name for one in api.list() if is_tagged(one.options.get(tag), owner)}


@dataclass(frozen=True)
class Creation:
    """How one run of provision asks for its cluster."""

    settings: ProgramSettings
    api: GatewayApi
    state: State
    interruption: Interruption
    patience: Patience
    say: Callable[[str], None]

    def create(self) -> str:
        """Ask for a cluster, once, and record its name."""
        offered = self.patience.persist(self.api.options)
        options = cluster_options(self.settings, offered)
        tag = tag_option(self.settings, offered)
        name = self._of_earlier_intent(tag)
        tries = 0
        while name is None:
            with self.interruption.deferred():
                if self.state.present("stopping"):
                    raise Terminated
                self.state.write("intent", tag=tag)
                name, failure = self._post(options, tag)
                if name is not None:
                    self._record(name)
                self.state.remove("intent")
            if failure is not None:
                self.patience.pause(tries, failure)
            tries += 1
        self.say(f"cluster {name} was asked for: {_shown(options)}")
        return name

    def _of_earlier_intent(self, tag: str | None) -> str | None:
        """The cluster that a killed run of ours had asked for, if it was made."""
        if not self.state.present("intent"):
            return None
        self.say("an earlier run ended while it asked for a cluster: looked for")
        lost = GatewayError("an earlier run ended before the gateway's answer to its request")
        with self.interruption.deferred():
            name = self._fate(lost, tag)
            if name is not None:
                self._record(name)
            self.state.remove("intent")
        return name

    def _record(self, name: str) -> None:
        """Write the name down; a cluster that cannot be recorded is given back at once."""
        try:
            self.state.write("cluster", name=name)
        except OSError:
            until = time.monotonic() + self.settings.stop_timeout
            release(self.api, name, until=until, age=0.0, seen=False)
            raise

    def _post(
        self, options: dict[str, Any], tag: str | None
    ) -> tuple[str | None, GatewayError | None]:
        """A name, or the failure after which the POST may be sent again.

        The intent stays where nobody knows what became of the POST, and goes where it was refused.
        """
        try:
            return self.api.create(options, timeout=CREATE_TIMEOUT), None
        except GatewayUnavailableError as error:
            # 500 is dask-gateway's own word for "I could not"; with a tag even that is looked into.
            if error.refused or (error.status == 500 and tag is None):
                return None, error
            found = self._fate(error, tag)
            return found, None if found else error
        except GatewayError as error:
            if (
                error.status is None
            ):  # a success that is not understood: something may have been made
                found = self._fate(error, tag)
                return found, None if found else error
            self.state.remove("intent")
            raise

    def _fate(self, error: GatewayError, tag: str | None) -> str | None:
        """What a POST without an answer left behind: a name, or None where certainly nothing.

        The listing that says "nothing" must have begun when the gateway would have acted already.
        The intent is kept where nothing is certain: the sidecar goes on from it.
        """
        if tag is None:
            raise NoAnswerError(
                f"{error}, so a cluster may have been made whose name nobody knows: see the"
                " gateway's list, and offer a Mapping option (gateway.options.tag) by which such a"
                " cluster is found and stopped",
                error.status,
            ) from error
        age = self.state.age(self.state.read("intent") or {})
        certain = time.monotonic() + INTENT_SETTLED - age
        while time.monotonic() < self.patience.deadline:
            if self.interruption.requested:
                raise Terminated
            began = time.monotonic()
            try:
                found = owned(self.api, tag, self.settings.owner)
            except GatewayError as failure:
                error = failure
            else:
                if found:
                    return min(found)
                if began > certain:
                    return None
            time.sleep(LOOK_AGAIN)
        raise NoAnswerError(
            f"{error}, and until the deadline it could not be seen whether a cluster was made: see"
            f" the gateway's list for {self.settings.owner}",
            error.status,
        ) from error


def _shown(options: dict[str, Any]) -> str:
    return (
        ", ".join(f"{name}={value}" for name, value in options.items()) or "the gateway's defaults"
    )
