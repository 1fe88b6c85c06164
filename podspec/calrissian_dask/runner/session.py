"""What all steps of one run share: settings, turns, the ledger, and the farewell to each cluster."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from calrissian_dask.annotations import CONTAINER, annotate
from calrissian_dask.mutation import mutate_pod
from calrissian_dask.runner.follow import StoppingError
from calrissian_dask.runner.ledger import Ledger
from calrissian_dask.runner.pod_state import Limits
from calrissian_dask.runner.step_pod import StepPod
from calrissian_dask.settings import Settings

LOGGER = logging.getLogger("cwltool")
"""cwltool's: shown as all that Calrissian's users see of a run, and silenced by --quiet."""

PROVISION_SLACK = 60
"""Seconds beyond the provision's own deadline: it stops its cluster then, and says so."""

FAREWELL = 15
"""Seconds, beyond the grace, that the end of a run waits for the last sidecar's word."""

Pod = dict[str, Any]


@dataclass
class Session:
    """The state of one `calrissian-dask run`; used by all jobs, from any thread."""

    settings: Settings
    ledger: Ledger = field(default_factory=Ledger)
    stopping: threading.Event = field(default_factory=threading.Event)
    said: set[str] = field(default_factory=set)
    farewells: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        turns = self.settings.max_clusters
        self._turns = threading.BoundedSemaphore(turns) if turns else None

    @property
    def limits(self) -> Limits:
        """How long a pod may take to start."""
        provision = self.settings.gateway.provision_timeout + PROVISION_SLACK
        return Limits(self.settings.scheduling_timeout, provision)

    def say(self, step: str, level: int, text: str) -> None:
        """A line of a step's in cwltool's log."""
        for line in text.splitlines():
            LOGGER.log(level, "[job %s] %s", step, line)

    def once(self, sentence: str) -> None:
        """A warning, unless it was given."""
        if sentence not in self.said:
            self.said.add(sentence)
            LOGGER.warning(sentence)

    @contextmanager
    def turn(self, step: str) -> Iterator[None]:
        """Wait until fewer than maxClusters steps have one."""
        if self._turns is None:
            yield
            return
        if not self._turns.acquire(blocking=False):
            self.say(step, logging.INFO, f"waits: maxClusters is {self.settings.max_clusters}")
            while not self._turns.acquire(timeout=1):
                if self.stopping.is_set():
                    raise StoppingError("not started: Calrissian is being terminated")
        try:
            yield
        finally:
            self._turns.release()

    def with_cluster(self, pod: Pod, fields: Mapping[str, Any], owner: Pod) -> Pod:
        """A step's pod as Calrissian builds it, with its cluster and its owner; the input is untouched.

        Raises PodError where something of the pod is in the way.
        """
        (tool,) = pod["spec"]["containers"]
        asking = annotate(pod, fields, self.settings.gateway.url)
        metadata = asking["metadata"]
        asking["metadata"] = {
            **metadata,
            "annotations": {**metadata["annotations"], CONTAINER: tool["name"]},
            "ownerReferences": [_reference(owner)],
        }
        return mutate_pod(asking, self.settings)

    def see_off(self, step: StepPod) -> None:
        """Hear of its cluster's end beside the steps that come next."""
        farewell = threading.Thread(target=step.see_off, name=f"end of {step.name}", daemon=True)
        self.farewells.append(farewell)
        farewell.start()

    def close(self) -> None:
        """Wait for the last words, unless Calrissian is being terminated; then the costs."""
        patience = 0 if self.stopping.is_set() else FAREWELL
        if patience:
            patience += self.settings.termination_grace_period_seconds
        deadline = time.monotonic() + patience
        for farewell in self.farewells:
            farewell.join(max(0.0, deadline - time.monotonic()))
        for line in self.ledger.summary():
            LOGGER.info(line)


def _reference(owner: Pod) -> dict[str, str]:
    """To Calrissian's own pod.

    After a `kill -9` and its Job's deletion the garbage collector ends the step's pod, whose sidecar
    stops the cluster. Without blockOwnerDeletion, which needs rights.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
