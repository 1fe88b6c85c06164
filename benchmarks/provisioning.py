"""provision's wall time, its interpreter's start included, against the gateway's own way to RUNNING.

The gateway takes ten seconds: its scheduler's command sleeps first, as a scheduler's pod is pulled
and started.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Row
from tests.gateway_server import PASSWORD, STRINGS, USER, GatewayServer
from tests.pod_processes import pod

ROUNDS = 2

SLEEP = 9

SLOW_SCHEDULER = """
c.ClusterConfig.scheduler_cmd = ["{script}", "{dask}", "scheduler"]
"""

OWN_WAY = """
import sys, time
from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth
with Gateway(sys.argv[1], auth=BasicAuth(*sys.argv[2:])) as gateway:
    began = time.perf_counter()
    name = gateway.submit()
    while gateway.get_cluster(name, wait=True).status.name != "RUNNING":
        pass
    print(time.perf_counter() - began)
    gateway.stop_cluster(name)
"""


def measure(folder: Path) -> Iterator[Row]:
    script = folder / "slow-scheduler"
    script.write_text(f'#!/bin/sh\nsleep {SLEEP}\nexec "$@"\n')
    script.chmod(0o755)
    dask = Path(sys.executable).with_name("dask")
    config = STRINGS + SLOW_SCHEDULER.format(script=script, dask=dask)
    (folder / "gateway").mkdir()
    ours, other = [], []
    with GatewayServer(folder / "gateway", config=config) as server:
        for number in range(ROUNDS):
            (folder / str(number)).mkdir()
            with pod(server.url, folder / str(number)) as p:
                p.up()
                began = time.perf_counter()
                provision = p.spawn("provision")
                assert provision.wait(120) == 0, p.log("provision")
                ours.append(time.perf_counter() - began)
            arguments = [server.url, USER, PASSWORD]
            done = subprocess.run(
                [sys.executable, "-c", OWN_WAY, *arguments],
                capture_output=True,
                text=True,
                check=True,
            )
            other.append(float(done.stdout))
    yield Row("provision, against submit to RUNNING alone", ours, other, "s", "<= 1.15")
