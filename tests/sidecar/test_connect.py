"""What the tool does with its cluster: real Dask clients of several versions.

The gateway has a password, and the tool does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway_server import GatewayServer
from tests.pod_processes import pod

ROOT = Path(__file__).parent.parent.parent

COMPUTE = """
from distributed import Client
with Client() as client:
    futures = client.map(lambda x: x * x, range(100))
    print(sum(client.gather(futures)))
"""

ARRAYS = """
import dask.array as da
from distributed import Client
with Client() as client:
    x = da.ones((3000, 3000), chunks=(500, 500))
    print(int(x.sum().compute()), client.scheduler.address.startswith("tcp://127.0.0.1:"))
"""


def environment(name: str) -> str:
    """The interpreter of one of the tools' environments that `make test` builds."""
    python = ROOT / name / "bin" / "python"
    assert python.exists(), f"make {name} builds it"
    return str(python)


def run(python: str, script: str, scheduler: str) -> str:
    done = subprocess.run(
        [python, "-c", script],
        env={"PATH": os.environ["PATH"], "DASK_SCHEDULER_ADDRESS": scheduler},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_t92_a_plain_client_in_an_environment_without_dask_gateway(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    python = environment(".venv-tool-new")
    absent = subprocess.run([python, "-c", "import dask_gateway"], capture_output=True, check=False)
    assert b"No module named 'dask_gateway'" in absent.stderr
    with pod(gateway.url, tmp_path, workers=2) as p:
        sidecar = p.provisioned()
        assert run(python, COMPUTE, p.scheduler_address) == "328350"
        address = p.scheduler_address
        sidecar.terminate()
        assert sidecar.wait(30) == 0
    late = subprocess.run(
        [python, "-c", "from distributed import Client; Client(timeout='2s')"],
        env={"PATH": os.environ["PATH"], "DASK_SCHEDULER_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert late.returncode != 0
    assert "Timed out trying to connect" in late.stderr


def test_the_oldest_distributed_that_python_3_11_runs(tmp_path: Path) -> None:
    """Scheduler and workers run in the tool's image, so they are as old as the tool."""
    python = environment(".venv-tool-old")
    (tmp_path / "g").mkdir()
    with (
        GatewayServer(tmp_path / "g", python=python) as server,
        pod(server.url, tmp_path) as p,
    ):
        p.provisioned()
        assert run(python, COMPUTE, p.scheduler_address) == "328350"


def test_dask_arrays_compute_on_the_cluster(gateway: GatewayServer, tmp_path: Path) -> None:
    with pod(gateway.url, tmp_path) as p:
        p.provisioned()
        assert run(sys.executable, ARRAYS, p.scheduler_address) == "9000000 True"


@pytest.mark.parametrize("workers", [2])
def test_all_the_workers_come(gateway: GatewayServer, tmp_path: Path, workers: int) -> None:
    script = f"""
from distributed import Client
with Client() as client:
    client.wait_for_workers({workers}, timeout=60)
    print(len(client.scheduler_info()["workers"]))
"""
    with pod(gateway.url, tmp_path, workers=workers) as p:
        p.provisioned()
        assert run(sys.executable, script, p.scheduler_address) == str(workers)
