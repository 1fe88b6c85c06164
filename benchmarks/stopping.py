"""The sidecar against a script that imports dask_gateway for the same: memory, start, and the DELETE."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Row
from tests.fault_gateway import FaultGateway, fault_gateway
from tests.pod_processes import pod, wait_until

ROUNDS = 5

AT_THE_END = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth
with Gateway(sys.argv[1], auth=BasicAuth("u", "p")) as gateway:
    gateway.stop_cluster(sys.argv[2])
"""

RESIDENT = """
import sys
from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth
gateway = Gateway(sys.argv[1], auth=BasicAuth("u", "p"))
print("ready", flush=True)
sys.stdin.read()
gateway.close()
"""


def resident(pid: int) -> float:
    """MB of memory that are this process's alone: what it adds to its node."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kinds = ("Private_Clean:", "Private_Dirty:", "Shared_Clean:", "Shared_Dirty:")
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(kinds)) / 1024


def delete_after(faults: FaultGateway, signalled: float) -> float:
    wait_until(lambda: faults.requests("DELETE"))
    return (faults.requests("DELETE")[0].at - signalled) * 1000


def sidecar_round(folder: Path) -> tuple[float, float, float]:
    folder.mkdir()
    with fault_gateway() as faults, pod(faults.url, folder) as p:
        began = time.monotonic()
        sidecar = p.spawn("sidecar")
        wait_until(lambda: p.state.present("up"))
        started = (time.monotonic() - began) * 1000
        p.state.write("cluster", name=faults.make({}, "RUNNING"), seen=True)
        time.sleep(0.5)
        memory = resident(sidecar.pid)
        signalled = time.monotonic()
        sidecar.send_signal(signal.SIGTERM)
        return started, memory, delete_after(faults, signalled)


def script_round() -> tuple[float, float, float]:
    with fault_gateway() as faults:
        name = faults.make({}, "RUNNING")
        began = time.monotonic()
        with _script(RESIDENT, faults.url) as process:
            started = (time.monotonic() - began) * 1000
            memory = resident(process.pid)
            process.kill()
        with _script(AT_THE_END, faults.url, name) as process:
            signalled = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait()
            return started, memory, delete_after(faults, signalled)


def _script(text: str, *arguments: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", text, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def measure(folder: Path) -> Iterator[Row]:
    ours, other = [], []
    for number in range(ROUNDS):
        ours.append(sidecar_round(folder / str(number)))
        other.append(script_round())
    rows = [
        ("start to listening, against a resident dask_gateway client", "ms", "< 150 ms"),
        ("resident memory, against the same", "MB", "< 25 MB"),
        ("SIGTERM to DELETE on the wire, against importing dask_gateway then", "ms", "< 50 ms"),
    ]
    for index, (what, unit, aim) in enumerate(rows):
        yield Row(
            f"sidecar: {what}", [o[index] for o in ours], [o[index] for o in other], unit, aim
        )
