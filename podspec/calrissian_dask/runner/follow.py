"""A pod followed from its creation until its tool has ended, whatever happens meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from calrissian_dask.errors import PodError
from calrissian_dask.runner.pod_api import Pod, PodApi, PodApiError
from calrissian_dask.runner.pod_state import Ended, Failed, Limits, Running, Waiting, judge

ROUND = 30
"""Seconds of one watch; each begins with a look at the pod, so nothing is missed for longer."""

UNREACHABLE = 1800.0
"""Seconds without the API server after which a step is given up; stock Calrissian's retries take 41
minutes."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two looks at an API server that does not answer, or ends each watch at once."""

RIGHTS = (401, 403)
"""Final for a creation; of a pod that could be seen, it says that somebody changes rights just now."""


STOPPED = "ended: Calrissian is being terminated"

Clock = Callable[[], float]


class StoppingError(PodError):
    """Calrissian itself is being terminated."""


def states(
    api: PodApi, name: str, stopping: threading.Event, clock: Clock = time.monotonic
) -> Iterator[Pod | None]:
    """Every state of the pod, one in ROUND seconds at least; None, the last, when it is gone.

    Raises PodApiError where the API server refuses, or is away for too long.
    """
    last_answer, pause, seen = clock(), FIRST_PAUSE, False
    while True:
        try:
            pod, version = api.read(name)
            last_answer, pause, seen = clock(), FIRST_PAUSE, True
            if pod is None:
                yield None
                return
            yield pod
            quiet = True
            for kind, changed in api.watch(name, version, ROUND):
                quiet = False
                yield changed
                if kind == "DELETED":
                    yield None
                    return
            if quiet and clock() - last_answer < FIRST_PAUSE:
                stopping.wait(FIRST_PAUSE)
        except PodApiError as error:
            passing = not error.is_final or (seen and error.status in RIGHTS)
            if not passing or clock() - last_answer > UNREACHABLE:
                raise
            stopping.wait(pause)
            if stopping.is_set():
                raise StoppingError(STOPPED) from error
            pause = min(2 * pause, LONGEST_PAUSE)


class Follower:
    """Judges the states as they come; `hear` is called with each, `run` once when the tool runs."""

    def __init__(
        self, tool: str, limits: Limits, stopping: threading.Event, clock: Clock = time.monotonic
    ) -> None:
        self._tool, self._limits, self._stopping, self._clock = tool, limits, stopping, clock
        self._what = ""
        self._since = 0.0

    def until_end(
        self,
        seen: Iterator[Pod | None],
        hear: Callable[[Pod], None],
        run: Callable[[], None],
    ) -> tuple[Ended, Pod]:
        """How the tool ended, and its pod then.

        Raises PodError with the sentence where it will not start or nobody can know how it ended.
        """
        last: dict[str, Any] = {}
        for pod in seen:
            if pod is None:
                break
            last = pod
            hear(pod)
            state = judge(pod, self._tool, self._limits)
            if isinstance(state, Ended):
                run()
                return state, pod
            if self._stopping.is_set():
                raise StoppingError(STOPPED)
            if isinstance(state, Failed):
                raise PodError(state.sentence)
            if isinstance(state, Running):
                run()
            self._be_patient(state)
        if self._stopping.is_set():
            raise StoppingError(STOPPED)
        ran = isinstance(judge(last, self._tool, self._limits), Running) if last else False
        raise PodError(
            "the pod was deleted by somebody else"
            + (" while its tool ran: nobody knows how it ended" if ran else " before its tool ran")
        )

    def _be_patient(self, state: Waiting | Running) -> None:
        now = self._clock()
        if state.what != self._what:
            self._what, self._since = state.what, now
        if state.patience is not None and now - self._since >= state.patience:
            raise PodError(state.sentence)
