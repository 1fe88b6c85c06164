"""Many steps at once, each with a random end: no cluster is left, no exit code is wrong, nothing hangs."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR

from tests.cluster import node
from tests.cluster.engine import CommandFailedError
from tests.cluster.step_pods import Namespace, StepPod, python, settings, step
from tests.cluster.test_tool_end import COMPUTE, OOM

AT_ONCE = 8
"""Steps side by side; more would only wait for the two cores of a small machine."""


@dataclass(frozen=True)
class End:
    """One way for a step to end; `codes` are the tool's possible exit codes, None: it never ran."""

    line: str
    codes: frozenset[int | None]
    fault: str = "none"
    act: Callable[[StepPod, random.Random], None] = lambda pod, chance: None
    memory: str = "512Mi"


def _delete(pod: StepPod, chance: random.Random) -> None:
    """Somewhere between the first moment of provisioning and the middle of the tool's work."""
    time.sleep(chance.uniform(0, 8))
    pod.delete(chance.choice([30, 5, 1]))


def _kill_provision(pod: StepPod, chance: random.Random) -> None:
    pod.wait_running(PROVISION)
    time.sleep(chance.uniform(0, 1))
    if "running" in pod.state(PROVISION):
        with suppress(CommandFailedError):  # it has ended in between: an end like another
            node.kill(pod, PROVISION)


def _kill_sidecar(pod: StepPod, chance: random.Random) -> None:
    """While the tool works: the kubelet starts it again long before the tool's end."""
    pod.wait_running("main")
    time.sleep(chance.uniform(0, 2))
    node.kill(pod, SIDECAR)


def _evict(pod: StepPod, chance: random.Random) -> None:
    pod.wait_running("main")
    time.sleep(chance.uniform(0, 1))
    pod.evict()


WAITS = "trap 'exit 143' TERM; i=0; while [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done"

ENDS = {
    "computes": End(python(COMPUTE), frozenset({0})),
    "fails": End("exit 37", frozenset({37})),
    "is out of memory": End("exec " + python(OOM), frozenset({137}), memory="64Mi"),
    "is deleted": End(WAITS, frozenset({None, 0, 143, 137}), act=_delete),
    "is deleted and deaf": End("trap '' TERM; sleep 12", frozenset({None, 0, 137}), act=_delete),
    "loses its provision": End("exit 4", frozenset({None, 4}), act=_kill_provision),
    "loses its sidecar": End("sleep 20; exit 6", frozenset({6}), act=_kill_sidecar),
    "is evicted": End(WAITS, frozenset({None, 0, 143}), act=_evict),
    "gets no cluster": End("exit 9", frozenset({None}), fault="failed"),
    "is at once over": End("true", frozenset({0})),
}


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_soak(ns: Namespace, request: pytest.FixtureRequest) -> None:
    count = int(request.config.getoption("--soak-pods"))
    seed = request.config.getoption("--seed")
    seed = random.SystemRandom().randrange(10**6) if seed is None else int(seed)
    print(f"--seed {seed} --soak-pods {count}")
    chance = random.Random(seed)
    plan = [(chance.choice(list(ENDS)), random.Random(chance.random())) for _ in range(count)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [words for words in pool.map(lambda one: _one(ns, *one), plan) if words]
    assert not wrong, "\n".join(wrong)
    assert ns.alive() == [], f"of {len(ns.clusters())} clusters"
    print(Counter(name for name, _ in plan), len(ns.clusters()), "clusters")


def _one(ns: Namespace, name: str, chance: random.Random) -> str | None:
    """Run one step to its end; what is wrong with it, or None."""
    end = ENDS[name]
    resources = {"limits": {"memory": end.memory}, "requests": {"memory": "32Mi"}}
    given = settings(gateway={"extraOptions": {"fault": end.fault}})
    pod = ns.run(step(end.line, main={"resources": resources}), given)
    end.act(pod, chance)
    pod.wait_ended()
    if pod.exit_code() not in end.codes:
        return f"{name}: exit code {pod.exit_code()}, not of {set(end.codes)}\n{pod.describe()}"
    pod.delete()
    return None
