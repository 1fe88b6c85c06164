"""The tool's end, however it comes: its exit code stands, its cluster is gone (T01-T03, T92)."""

from __future__ import annotations

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR

from tests.cluster.step_pods import Namespace, python, step

COMPUTE = """
from distributed import Client
client = Client()
print("sum", client.submit(sum, [1, 2, 39]).result())
"""

OOM = """
hoard = []
while True:
    hoard.append(bytearray(b"x" * 10_000_000))
"""


def test_t01_t92_plain_client_computes(ns: Namespace) -> None:
    pod = ns.run(step(python(COMPUTE)))
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log() == "sum 42\n", "the tool's stdout and stderr are its own"
    (made,) = ns.clusters()
    assert made.name == pod.message(PROVISION)["cluster"]
    assert pod.message(SIDECAR)["stopped"] == [made.name]
    assert ns.alive() == []


@pytest.mark.parametrize("code", [1, 37, 137])
def test_t02_exit_codes_are_kept(ns: Namespace, code: int) -> None:
    pod = ns.run(step(f"echo out; echo err >&2; exit {code}"))
    pod.wait_ended()
    assert pod.exit_code() == code
    assert sorted(pod.log().splitlines()) == ["err", "out"]
    assert pod.phase == "Failed"
    assert len(ns.clusters()) == 1
    assert ns.alive() == []


def test_t03_tool_runs_out_of_memory(ns: Namespace) -> None:
    limits = {"requests": {"memory": "32Mi"}, "limits": {"memory": "64Mi"}}
    pod = ns.run(step("exec " + python(OOM), main={"resources": limits}))
    pod.wait_ended()
    assert pod.exit_code() == 137
    assert pod.state("main")["terminated"]["reason"] == "OOMKilled"
    assert len(ns.clusters()) == 1
    assert ns.alive() == []
