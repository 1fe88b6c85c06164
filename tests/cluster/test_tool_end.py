"""The tool's end, however it comes: its exit code stands, its cluster is gone (T01-T03, T06, T92)."""

from __future__ import annotations

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR

from tests.cluster import node
from tests.cluster.namespaces import Namespace
from tests.cluster.steps import step
from tests.cluster.tools import COMPUTE, OOM, TOLD, python

ONLY_DISTRIBUTED = """
import importlib.util
print("dask_gateway", importlib.util.find_spec("dask_gateway"))
"""


def test_t01_t92_plain_client_computes(ns: Namespace) -> None:
    """In an image that has distributed and nothing else of Dask."""
    pod = ns.run(step(python(ONLY_DISTRIBUTED + COMPUTE)))
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log() == "dask_gateway None\nsum 42\n", "the tool's stdout and stderr are its own"
    (made,) = pod.clusters()
    assert made.name == pod.message(PROVISION)["cluster"]
    assert pod.message(SIDECAR)["stopped"] == [made.name]
    pod.assert_released()


@pytest.mark.parametrize("code", [1, 37, 137])
def test_t02_exit_codes_are_kept(ns: Namespace, code: int) -> None:
    pod = ns.run(step(f"echo out; echo err >&2; exit {code}"))
    pod.wait_ended()
    assert pod.exit_code() == code
    assert sorted(pod.log().splitlines()) == ["err", "out"]
    assert pod.phase == "Failed"
    pod.assert_released()


def test_t03_tool_runs_out_of_memory(ns: Namespace) -> None:
    limits = {"requests": {"memory": "32Mi"}, "limits": {"memory": "64Mi"}}
    pod = ns.run(step("exec " + python(OOM), main={"resources": limits}))
    pod.wait_ended()
    assert pod.exit_code() == 137
    pod.assert_released()


def test_tool_is_killed(ns: Namespace) -> None:
    pod = ns.run(step(TOLD))
    node.wait_wrote(pod, "first")
    node.kill(pod, "main")
    pod.wait_ended()
    assert pod.exit_code() == 137
    pod.assert_released()
