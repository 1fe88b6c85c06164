"""Many steps at once, each with a random end: no cluster is left, no exit code is wrong, nothing hangs."""

from __future__ import annotations

import json
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR

from tests.cluster import node
from tests.cluster.engine import CommandFailedError
from tests.cluster.gateway import NAMESPACE
from tests.cluster.namespaces import Namespace
from tests.cluster.session import SOAK
from tests.cluster.step_pods import StepPod
from tests.cluster.steps import settings, step
from tests.cluster.tools import COMPUTE, OOM, python
from tests.conftest import run_folder

AT_ONCE = 8
"""Steps side by side; more would only wait for the two cores of a small machine."""


Act = Callable[[StepPod, random.Random], bool]
"""Does something to a pod; whether it came in time."""


@dataclass(frozen=True)
class End:
    """One way for a step to end; `codes` are the tool's possible exit codes, None: it never ran."""

    line: str
    codes: frozenset[int | None]
    fault: str = "none"
    act: Act = lambda pod, chance: True
    memory: str = "512Mi"


def _delete(pod: StepPod, chance: random.Random) -> bool:
    """Somewhere between the first moment of provisioning and the middle of the tool's work."""
    time.sleep(chance.uniform(0, 8))
    pod.delete(chance.choice([30, 10, 5]))
    return True


def _kill_provision(pod: StepPod, chance: random.Random) -> bool:
    """While its cluster is slow to start."""
    pod.wait_running(PROVISION)
    time.sleep(chance.uniform(0, 4))
    return _killed(pod, PROVISION)


def _kill_sidecar(pod: StepPod, chance: random.Random) -> bool:
    """While the tool works: the kubelet starts it again long before the tool's end."""
    pod.wait_running("main")
    time.sleep(chance.uniform(0, 2))
    return _killed(pod, SIDECAR)


def _killed(pod: StepPod, container: str) -> bool:
    try:
        node.kill(pod, container)
    except CommandFailedError:  # it had ended by itself
        return False
    return True


def _evict(pod: StepPod, chance: random.Random) -> bool:
    pod.wait_running("main")
    time.sleep(chance.uniform(0, 1))
    pod.evict()
    return True


WAITS = "trap 'exit 143' TERM; i=0; while [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done"
"""Five seconds, or until SIGTERM."""

ENDS = {
    "computes": End(python(COMPUTE), frozenset({0})),
    "fails": End("exit 37", frozenset({37})),
    "is out of memory": End("exec " + python(OOM), frozenset({137}), memory="64Mi"),
    "is deleted": End(WAITS, frozenset({None, 0, 143, 137}), act=_delete),
    "is deleted and deaf": End("trap '' TERM; sleep 12", frozenset({None, 0, 137}), act=_delete),
    "loses its provision": End("exit 4", frozenset({None, 4}), "slow", _kill_provision),
    "loses its sidecar": End("sleep 20; exit 6", frozenset({6}), act=_kill_sidecar),
    "is evicted": End(WAITS, frozenset({None, 0, 143}), act=_evict),
    "gets no cluster": End("exit 9", frozenset({None}), "failed"),
    "is at once over": End("true", frozenset({0})),
}


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_soak(ns: Namespace, request: pytest.FixtureRequest) -> None:
    count = int(request.config.getoption("--soak-pods"))
    seed = request.config.getoption("--seed")
    seed = random.SystemRandom().randrange(10**6) if seed is None else int(seed)
    chance = random.Random(seed)
    plan = [(chance.choice(list(ENDS)), random.Random(chance.random())) for _ in range(count)]
    acted: Counter[str] = Counter()
    began = _gateway_restarts(ns)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(lambda one: _one(ns, one[0], one[1], acted), plan)
        wrong = [words for words in results if words]
    made = len(ns.clusters())
    lines = [f"--seed {seed} --soak-pods {count}: {made} clusters", str(dict(acted))]
    (run_folder() / SOAK).write_text(json.dumps(lines))
    assert not wrong, "\n".join([*lines, *wrong])
    assert ns.alive() == [], lines
    sure = sum(name not in ("is deleted", "is deleted and deaf") for name, _ in plan)
    assert made >= sure, lines
    assert _gateway_restarts(ns) == began, "it keeps its clusters in memory only"


def _one(ns: Namespace, name: str, chance: random.Random, acted: Counter[str]) -> str | None:
    """Run one step to its end; what is wrong with it, or None."""
    end = ENDS[name]
    resources = {"limits": {"memory": end.memory}, "requests": {"memory": "32Mi"}}
    given = settings(gateway={"extraOptions": {"fault": end.fault}})
    try:
        pod = ns.run(step(end.line, main={"resources": resources}), given)
        acted[name] += end.act(pod, chance)
        pod.wait_ended()
        code = pod.exit_code()
        pod.delete()
        pod.wait_gone()
    except Exception:  # the other steps go on, and all results are told together
        return f"{name}: {traceback.format_exc()}"
    if code not in end.codes:
        return f"{name}: exit code {code}, not of {set(end.codes)}\n{pod.describe()}"
    return None


def _gateway_restarts(ns: Namespace) -> int:
    (pod,) = ns.api.objects("Pod", NAMESPACE, "app=gateway")
    return int(pod["status"]["containerStatuses"][0]["restartCount"])
