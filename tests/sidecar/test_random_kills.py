"""Provision and sidecar killed at random moments, again and again: no cluster may be left over.

The kubelet is played by the rules that it keeps: a sidecar that dies while the pod lives is started
again, and when the pod ends both get SIGTERM. What is killed, with what and when is drawn from a
seed, which is printed. A leak is a cluster that is PENDING or RUNNING although no record names it;
the gateway offers a tag, so the window between POST and its answer is closed as well.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from calrissian_dask_sidecar.gateway_api import GatewayApi

from tests.gateway_server import GatewayServer
from tests.pod_processes import PodProcesses, pod, wait_until

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.soak
def test_random_kills_leave_no_cluster(
    gateway: GatewayServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = request.config.getoption("--seed") or random.SystemRandom().randrange(10**6)
    rounds = request.config.getoption("--rounds")
    print(f"seed {seed}: pytest --seed {seed} --rounds {rounds} repeats this run")
    chance = random.Random(seed)
    api = gateway.api()
    for number in range(rounds):
        folder = tmp_path / str(number)
        folder.mkdir()
        plan = Plan(chance)
        with pod(gateway.url, folder, owner=f"soak/pod/{seed}-{number}", stop_timeout=20) as p:
            play(p, plan)
            left = [cluster.name for cluster in api.list()]
            assert left == [], f"seed {seed}, round {number}, {plan}: {p.log('sidecar')}"
            assert_released(api, p)


class Plan:
    """One round: the victims, in order, each with its signal and the moment in seconds."""

    def __init__(self, chance: random.Random) -> None:
        victims = chance.choice([["provision"], ["sidecar"], ["provision", "sidecar"], ["both"]])
        self.kills = [
            (victim, chance.choice([signal.SIGTERM, signal.SIGKILL]), chance.uniform(0, 1.3))
            for victim in victims
        ]
        self.tool = chance.uniform(0, 0.3)

    def __repr__(self) -> str:
        return ", ".join(f"{v} {s.name} at {at:.3f} s" for v, s, at in self.kills)


def play(p: PodProcesses, plan: Plan) -> None:
    """The life of one pod."""
    sidecar = p.spawn("sidecar")
    provision = p.spawn("provision")
    for victim, number, moment in plan.kills:
        time.sleep(moment)
        if victim in ("provision", "both"):
            provision.send_signal(number)
        if victim in ("sidecar", "both"):
            sidecar.send_signal(number)
    if sidecar.poll() is None and provision.poll() is None:
        time.sleep(plan.tool)
    sidecar = restarted(p, sidecar)
    provision.send_signal(signal.SIGTERM)  # the pod ends: both get it at the same moment
    sidecar.send_signal(signal.SIGTERM)
    provision.wait(60)
    assert sidecar.wait(60) == 0


def restarted(p: PodProcesses, sidecar: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """A sidecar that is alive: the kubelet starts one again that has ended while the pod lives."""
    time.sleep(0.2)
    if sidecar.poll() is None:
        return sidecar
    again = p.spawn("sidecar")
    wait_until(lambda: p.state.locked("sidecar.lock"))
    return again


def assert_released(api: GatewayApi, p: PodProcesses) -> None:
    """What the record still names, the gateway has stopped."""
    name = p.state.cluster_name()
    if name is not None:
        cluster = api.get(name)
        assert cluster is None or cluster.status in ("STOPPING", "STOPPED", "FAILED")
