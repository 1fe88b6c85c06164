"""What authors of tools do that looks right and is not: what they see then (docs/errors.md)."""

from __future__ import annotations

from tests.cluster.calrissian.jobs import STOCK
from tests.cluster.calrissian.runs import Calrissian
from tests.cluster.calrissian.workflows import SMALL, SPACES
from tests.cluster.images import CALRISSIAN, GATEWAY
from tests.cluster.namespaces import Namespace
from tests.cluster.steps import step
from tests.cluster.tools import python

OWN_CLUSTER = """
from distributed import Client
Client(n_workers=4)
"""

SHUTDOWN = """
from distributed import Client
client = Client()
print("sum", client.submit(sum, [1, 2, 39]).result(), flush=True)
client.shutdown()
print("after", flush=True)
"""

GATEWAY_SHUTDOWN = """
import faulthandler, os
from dask_gateway import Gateway
cluster = Gateway().connect(os.environ["DASK_CLUSTER"])
client = cluster.get_client()
print("sum", client.submit(sum, [1, 2, 39]).result(), flush=True)
faulthandler.dump_traceback_later(20, exit=True)
client.shutdown()
"""

CLUSTER_SHUTDOWN = GATEWAY_SHUTDOWN.replace("client.shutdown()", "cluster.shutdown()")


def test_a_client_with_workers_of_its_own(ns: Namespace) -> None:
    pod = ns.run(step(python(OWN_CLUSTER)))
    pod.wait_ended()
    assert pod.exit_code() == 1
    assert "Unexpected keyword arguments: ['n_workers']" in pod.log()
    pod.assert_released()


def test_a_client_that_shuts_the_cluster_down(ns: Namespace) -> None:
    pod = ns.run(step(python(SHUTDOWN)))
    pod.wait_ended()
    assert pod.exit_code() == 0
    assert pod.log() == "sum 42\nafter\n"
    pod.assert_released()


def test_a_gateways_client_that_shuts_the_cluster_down_hangs_in_the_library(ns: Namespace) -> None:
    """Distributed closes the cluster on its event loop, where dask_gateway waits for that loop."""
    pod = ns.run(step(python(GATEWAY_SHUTDOWN), main={"image": GATEWAY}))
    pod.wait_ended()
    assert pod.exit_code() == 1
    assert "Timeout (0:00:20)!" in pod.log()
    pod.assert_released()


def test_a_gateways_cluster_is_shut_down_by_itself(ns: Namespace) -> None:
    pod = ns.run(step(python(CLUSTER_SHUTDOWN), main={"image": GATEWAY}))
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    pod.assert_released()


def test_a_tool_whose_image_has_no_dask(ns: Namespace) -> None:
    pod = ns.run(step("python3 -c 'import distributed'", main={"image": CALRISSIAN}))
    pod.wait_ended()
    assert pod.exit_code() == 1
    assert "No module named 'distributed'" in pod.log()
    pod.assert_released()


HINTED = f"""
cwlVersion: v1.2
{SPACES}
class: CommandLineTool
requirements:
{SMALL}
hints:
  calrissian:DaskGatewayRequirement:
    {{workerCores: 1, workerMemory: 1G, clusterMaxCores: 1, clusterMaxMemory: 1G}}
baseCommand: [python3, -c, "import os; print(os.environ['DASK_CLUSTER'])"]
inputs: []
outputs: []
"""


def test_a_hint_where_nobody_knows_a_gateway(calrissian: Calrissian) -> None:
    run = calrissian.start(HINTED).wait()
    run.assert_code(1)
    assert "is a hint, and no Dask Gateway is known: it runs without a cluster" in run.said
    assert calrissian.ns.clusters() == []


def test_a_hint_on_a_platform_with_stock_calrissian(calrissian: Calrissian) -> None:
    run = calrissian.start(HINTED, program=STOCK).wait()
    run.assert_code(1)
    assert "Unknown hint https://calrissian-cwl.github.io/schema#DaskGatewayRequirement" in run.said
    assert calrissian.ns.clusters() == []
