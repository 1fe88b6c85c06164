"""From the tool's end to the cluster's: whose part is how long.

Measured and printed with the run's summary, not asserted: times on a shared machine prove nothing.
The numbers of a quiet run stand in docs/decisions.md.
"""

from __future__ import annotations

import json
import statistics
from datetime import datetime

import pytest
from calrissian_dask.containers import SIDECAR

from tests.cluster.namespaces import Namespace
from tests.cluster.session import TIME_LINE
from tests.cluster.step_pods import StepPod
from tests.cluster.steps import step
from tests.cluster.tools import python
from tests.conftest import run_folder

ENDS_NOW = """
import time
from distributed import Client
with Client() as client:
    client.submit(sum, [1, 2]).result()
print("ends", time.time())
"""

PARTS = {
    "the tool's last words -> SIGTERM at the sidecar": "kubelet",
    "SIGTERM -> the gateway has shown that it heard the DELETE": "ours, with two calls of the gateway",
    "heard -> the cluster's processes have ended": "gateway",
    "heard -> the sidecar's container has ended, as the API server tells": "kubelet",
}

ROUNDS = 5


@pytest.mark.alone
def test_time_line(ns: Namespace) -> None:
    rows = [_measure(ns, ns.run(step(python(ENDS_NOW)))) for _ in range(ROUNDS)]
    table = dict(zip(PARTS, zip(*rows, strict=True), strict=True))
    lines = [
        f"{statistics.median(times) * 1000:8.0f} ms  {part}  ({PARTS[part]};"
        f" {min(times) * 1000:.0f}-{max(times) * 1000:.0f})"
        for part, times in table.items()
    ]
    (run_folder() / TIME_LINE).write_text(json.dumps(lines))
    assert len(ns.clusters()) == ROUNDS
    assert ns.alive() == []


def _measure(ns: Namespace, pod: StepPod) -> tuple[float, ...]:
    """Seconds of each part; all clocks are this machine's."""
    pod.wait_ended()
    told = datetime.now().astimezone().timestamp()
    assert pod.exit_code() == 0, pod.describe()
    (last,) = [line for line in pod.log().splitlines() if line.startswith("ends ")]
    ended = float(last.removeprefix("ends "))
    message = pod.message(SIDECAR)
    (name,) = message["stopped"]
    (line,) = [text for text in pod.log(SIDECAR, timestamps=True).splitlines() if name in text]
    heard = datetime.fromisoformat(line.split(" ", 1)[0]).timestamp()
    pod.wait("STOPPED cluster", lambda: ns.gateway.stop_time(ns.user, name))
    stopped = ns.gateway.stop_time(ns.user, name) or 0.0
    sigterm = heard - message["seconds"]
    return sigterm - ended, message["seconds"], stopped - heard, told - heard
