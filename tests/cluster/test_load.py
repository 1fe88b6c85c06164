"""Many clients at once: within the memory limit, nobody starves, the stop goes out (T69)."""

from __future__ import annotations

from calrissian_dask.containers import SIDECAR

from tests.cluster.namespaces import Namespace
from tests.cluster.steps import step
from tests.cluster.tools import python

FORTY_CLIENTS = """
import asyncio
from distributed import Client

async def one(number):
    async with Client(asynchronous=True, set_as_default=False) as client:
        size = await client.submit(lambda n: b"x" * 4_000_000, number, pure=False)
        return len(size)

async def all_of_them():
    return await asyncio.gather(*[one(n) for n in range(40)])

print("moved", sum(asyncio.run(all_of_them())))
"""

MANY_SOCKETS = """
import os, socket
host, _, port = os.environ["DASK_SCHEDULER_ADDRESS"].removeprefix("tcp://").partition(":")
held = [socket.create_connection((host, int(port)), 60) for _ in range(500)]
greeted = 0
for one in held:
    one.settimeout(60)
    greeted += bool(one.recv(1))
print("greeted", greeted)
from distributed import Client
with Client() as client:
    print("sum", client.submit(sum, [1, 2, 39]).result())
"""


def test_t69_forty_clients_moving_four_megabytes_each(ns: Namespace) -> None:
    pod = ns.run(step(python(FORTY_CLIENTS)))
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log() == "moved 160000000\n"
    assert pod.restarts(SIDECAR) == 0
    pod.assert_released()


def test_t69_five_hundred_connections(ns: Namespace) -> None:
    pod = ns.run(step("ulimit -n 4096; " + python(MANY_SOCKETS)))
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log().endswith("greeted 500\nsum 42\n")
    assert pod.restarts(SIDECAR) == 0
    pod.assert_released()
