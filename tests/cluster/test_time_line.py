"""From the tool's end to the cluster's: whose part is how long.

Measured, printed with the run's summary, and asserted only in its order: times on a shared machine
prove nothing. The numbers of a quiet run stand in docs/decisions.md.
"""

from __future__ import annotations

import json
import statistics
from datetime import datetime
from pathlib import Path

import pytest
from calrissian_dask.containers import SIDECAR

from tests.cluster.step_pods import Namespace, StepPod, python, step

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
def test_time_line(ns: Namespace, shared_folder: Path) -> None:
    rows = [_measure(ns.run(step(python(ENDS_NOW)))) for _ in range(ROUNDS)]
    table = dict(zip(PARTS, zip(*rows, strict=True), strict=True))
    lines = [
        f"{statistics.median(times) * 1000:8.0f} ms  {part}  ({PARTS[part]};"
        f" {min(times) * 1000:.0f}-{max(times) * 1000:.0f})"
        for part, times in table.items()
    ]
    (shared_folder / "time-line.json").write_text(json.dumps(lines))
    assert all(seconds >= 0 for times in table.values() for seconds in times), lines
    assert ns.alive() == []


def _measure(pod: StepPod) -> tuple[float, ...]:
    """Seconds of each part; all clocks are this machine's."""
    pod.wait_ended()
    told = datetime.now().astimezone().timestamp()
    assert pod.exit_code() == 0, pod.describe()
    ended = float(pod.log().removeprefix("ends "))
    message = pod.message(SIDECAR)
    (name,) = message["stopped"]
    (line,) = [text for text in pod.log(SIDECAR, timestamps=True).splitlines() if name in text]
    heard = datetime.fromisoformat(line.split(" ", 1)[0]).timestamp()
    (cluster,) = [c for c in pod.namespace.clusters() if c.name == name]
    pod.wait("STOPPED cluster", lambda: pod.namespace.stop_time(cluster.name))
    stopped = pod.namespace.stop_time(cluster.name) or 0.0
    sigterm = heard - message["seconds"]
    return sigterm - ended, message["seconds"], max(0.0, stopped - heard), told - heard
