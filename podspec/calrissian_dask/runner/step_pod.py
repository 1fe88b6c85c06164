"""One step's pod: created, followed to its tool's end, and deleted; its cluster seen off."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from calrissian_dask.annotations import REQUIREMENT, annotations_of
from calrissian_dask.errors import CalrissianDaskError, PodError
from calrissian_dask.mutation import is_mutated
from calrissian_dask.runner.follow import Follower, StoppingError, states
from calrissian_dask.runner.ledger import ClusterRecord, now
from calrissian_dask.runner.pod_api import Pod, PodApi, PodApiError
from calrissian_dask.runner.pod_state import Ended, Limits, disturbance
from calrissian_dask.runner.tool_log import ToolLog

LOGGER = logging.getLogger("calrissian.k8s")
"""Stock Calrissian's, for what it says there: users filter and raise its level."""

LOG_END = 30.0
"""Seconds that the rest of the tool's output may take after its end."""


class Monitor(Protocol):
    """Calrissian's list of pods that it deletes when it ends; its lock is held meanwhile."""

    def holding(self) -> AbstractContextManager[None]:
        """Hold the lock: a clean-up comes before or after, never between."""

    def add(self, name: str) -> None:
        """Put a pod on the list."""

    def remove(self, name: str) -> None:
        """Take it off."""


@dataclass(frozen=True)
class Patience:
    """Seconds between the tries of a refused creation, and how many; Calrissian's own settings."""

    first: float
    factor: float
    longest: float
    tries: int

    def pause(self, number: int) -> float:
        """Before the next try, after so many."""
        return max(self.first, min(self.longest, self.factor * 2.0 ** (number - 1)))


@dataclass(frozen=True)
class Surroundings:
    """What a step's pod needs of the run: where pods are made, listed and deleted, and for how long."""

    api: PodApi
    monitor: Monitor
    stopping: threading.Event
    limits: Limits
    patience: Patience
    keeps_pods: bool


@dataclass
class StepPod:
    """The pod of one job."""

    around: Surroundings
    tool: str
    record: ClusterRecord
    say: Callable[[int, str], None]
    name: str = ""
    output: list[tuple[datetime, str]] = field(default_factory=list)
    seen: Any = None
    log: ToolLog | None = None
    finished: datetime | None = None
    """When the tool ended; the record's is its cluster's end."""

    def create(self, pod: Pod) -> None:
        """Create it; as often as Calrissian's settings allow where the refusal is not final.

        Raises PodError or PodApiError; there is no pod then.
        """
        self.name = pod["metadata"]["name"]
        try:
            created = self._create_patiently(pod)
        except CalrissianDaskError as error:
            taken = isinstance(error, PodApiError) and error.status == 409
            if taken:
                self._forget()  # that one is somebody else's
            else:
                self._delete()  # one may have been made without our hearing of it
            raise
        self.record.pod = self.name
        LOGGER.info("Created k8s pod name %s with id %s", self.name, created["metadata"]["uid"])
        try:
            if not is_mutated(created):
                raise PodError("the pod was admitted without its annotations: a webhook took them")
        except PodError:
            self._delete()
            raise

    def _create_patiently(self, pod: Pod) -> Pod:
        """Its name is on Calrissian's list from before the first try: an answer may be lost."""
        with self.around.monitor.holding():
            self.around.monitor.add(self.name)
        for number in itertools.count(1):
            if self.around.stopping.is_set():
                break
            try:
                with self.around.monitor.holding():
                    return self._create(pod, again=number > 1)
            except PodApiError as error:
                if error.is_final or number == self.around.patience.tries:
                    raise
                pause = self.around.patience.pause(number)
                self.say(logging.INFO, f"waits {pause:.0f} s: {error}")
                self.around.stopping.wait(pause)
        raise StoppingError("not started: Calrissian is being terminated")

    def _create(self, pod: Pod, *, again: bool) -> Pod:
        try:
            return self.around.api.create(pod)
        except PodApiError as error:
            if not (again and error.status == 409):
                raise
            return self._answer_was_lost(pod, error)

    def _answer_was_lost(self, pod: Pod, error: PodApiError) -> Pod:
        """A first try may have made the pod without our hearing of it; its name is this job's own."""
        found, _ = self.around.api.read(self.name)
        asked = annotations_of(pod).get(REQUIREMENT)
        if found is None or annotations_of(found).get(REQUIREMENT) != asked:
            raise error
        return found

    def until_end(self) -> tuple[Ended, Pod]:
        """How the tool ended, with its whole output heard; the pod is deleted.

        Raises PodError or PodApiError with a sentence where nobody can know; it is deleted then too.
        """
        self.seen = states(self.around.api, self.name, self.around.stopping)
        follower = Follower(self.tool, self.around.limits, self.around.stopping)
        try:
            ended, pod = follower.until_end(self.seen, self._hear, self._follow_log)
        except BaseException as error:  # also what nobody foresaw: the pod must not stay
            self.record.ended = now()
            self.record.error = self.record.error or str(error)
            if self.log is not None:
                self.log.give_up()
            self._delete()
            raise
        if self.log is not None and not self.log.finish(LOG_END):
            self.say(logging.WARNING, "the tool's output could not be read to its end")
        outside = disturbance(pod) if ended.exit_code else None
        if outside and not self.around.stopping.is_set():  # else it was Calrissian itself
            self.record.error = self.record.error or outside
            self.say(logging.ERROR, f"the tool ended with exit code {ended.exit_code}: {outside}")
        finished = ended.terminated.get("finishedAt")
        self.finished = datetime.fromisoformat(finished) if finished else now()
        self.record.ended = self.record.ended or self.finished
        if self.around.keeps_pods:
            self._forget()
        else:
            self._delete()
        return ended, pod

    def see_off(self) -> None:
        """Watch what the sidecar says last, and tell of a cluster that it could not stop."""
        if self.seen is None or self.record.cluster is None:
            return
        with suppress(CalrissianDaskError):  # the reaper's concern then; the result stands
            while self.record.outcome not in ("released", "release pending"):
                pod = next(self.seen, None)
                if pod is None:
                    break
                self.record.hear(pod)
        if self.record.outcome == "release pending":
            self.say(
                logging.WARNING,
                f"release pending: cluster {self.record.cluster} could not be stopped in time"
                f" ({self.record.error}): the reaper stops it, or the gateway's administrator",
            )

    def _hear(self, pod: Pod) -> None:
        sentence = self.record.hear(pod)
        if sentence:
            self.say(logging.INFO, sentence)

    def _follow_log(self) -> None:
        if self.log is None:
            self.log = ToolLog(self.around.api, self.name, self.tool, self._hear_line)
            self.log.start()

    def _hear_line(self, line: str) -> None:
        LOGGER.debug("[%s] %s", self.name, line)
        self.output.append((datetime.now(UTC), line))

    def _delete(self) -> None:
        """Where the API server does not answer now, Calrissian's clean-up at its end tries again."""
        try:
            self.around.api.delete(self.name)
        except PodApiError as error:
            self.say(logging.WARNING, f"pod {self.name} is not deleted yet: {error}")
        else:
            self._forget()

    def _forget(self) -> None:
        with self.around.monitor.holding():
            self.around.monitor.remove(self.name)
