"""Real Dask clients through the forwarder, against dask-gateway's own connection to the same cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Row
from tests.gateway_server import PASSWORD, USER, GatewayServer
from tests.pod_processes import pod

CLIENTS = """
import json, sys, time
from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth
from distributed import Client

url, name, user, password, scheduler = sys.argv[1:]
SIZE, TASKS, ROUNDS = 100_000_000, 1000, 10

def measured(client):
    client.run_on_scheduler(lambda: None)
    began = time.perf_counter()
    future = client.submit(lambda n: b"x" * n, SIZE, pure=False)
    future.result()
    moved = SIZE / (time.perf_counter() - began) / 1e6
    began = time.perf_counter()
    client.gather(client.map(lambda x: x + 1, range(TASKS), pure=False))
    return moved, TASKS / (time.perf_counter() - began)

with Gateway(url, auth=BasicAuth(user, password)) as gateway:
    cluster = gateway.connect(name)
    direct, forwarded = cluster.get_client(set_as_default=False), Client(scheduler, set_as_default=False)
    for client in (direct, forwarded):
        client.wait_for_workers(1)
        measured(client)
    rounds = []
    for number in range(ROUNDS):  # whoever is second finds warmer memory: they take turns
        pair = [forwarded, direct] if number % 2 else [direct, forwarded]
        result = {id(client): measured(client) for client in pair}
        rounds.append((result[id(forwarded)], result[id(direct)]))
    for client in (direct, forwarded):
        client.close()
    cluster.close()
print(json.dumps(rounds))
"""


def measure(folder: Path) -> Iterator[Row]:
    (folder / "gateway").mkdir()
    with GatewayServer(folder / "gateway") as server, pod(server.url, folder) as p:
        p.provisioned()
        name = str(p.state.cluster_name())
        done = subprocess.run(
            [sys.executable, "-c", CLIENTS, server.url, name, USER, PASSWORD, p.scheduler_address],
            env={**os.environ},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    rounds = json.loads(done.stdout)
    for index, (what, unit) in enumerate([("result of 100 MB", "MB/s"), ("1 000 tasks", "/s")]):
        ours = [pair[0][index] for pair in rounds]
        other = [pair[1][index] for pair in rounds]
        yield Row(
            f"forwarder: {what}, against a direct connection",
            ours,
            other,
            unit,
            ">= 0.95 of direct",
        )
