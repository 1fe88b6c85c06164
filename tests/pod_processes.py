"""A step's pod as processes: provision and sidecar, with a folder for the state volume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from calrissian_dask_sidecar import contract
from calrissian_dask_sidecar.contract import SECRET_ENV
from calrissian_dask_sidecar.program_settings import ProgramSettings, write
from calrissian_dask_sidecar.state import State

from tests.gateway_server import PASSWORD, USER

SCRIPT = str(Path(sys.executable).with_name("calrissian-dask-sidecar"))

BLOCKED = ["env", "--block-signal=TERM"] if sys.platform == "linux" else []
"""How the pod starts both programs."""


def program_settings(url: str, state: Path, **changes: Any) -> ProgramSettings:
    """Settings as a pod has them, for one small worker."""
    settings = ProgramSettings(
        contract=contract.CONTRACT,
        gateway_url=url,
        username=USER,
        image="registry.example/tool:1",
        workers=1,
        worker_cores=Fraction(1),
        worker_cores_limit=Fraction(1),
        worker_memory=2**29,
        option_image="image",
        option_worker_cores="worker_cores",
        option_worker_cores_limit="worker_cores_limit",
        option_worker_memory="worker_memory",
        option_tag=contract.TAG_AUTO,
        owner="test/pod/0001",
        provision_timeout=60,
        scheduler_port=0,
        api_port=0,
        state=str(state / "state"),
        termination_log=str(state / "termination"),
    )
    return replace(settings, **changes)


@dataclass
class PodProcesses:
    """The two programs over one state volume; every process is gone when `close` returns."""

    settings: ProgramSettings
    folder: Path
    password: str | None = PASSWORD
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        Path(self.settings.state).mkdir(parents=True, exist_ok=True)
        self.state = State(self.settings.state)

    def spawn(self, program: str, **changes: Any) -> subprocess.Popen[bytes]:
        settings = replace(
            self.settings, termination_log=str(self.folder / f"{program}.termination"), **changes
        )
        environment = {"PATH": os.environ["PATH"], **write(settings)}
        if self.password is not None:
            environment[SECRET_ENV] = self.password
        with (self.folder / f"{program}.log").open("ab") as log:
            process = subprocess.Popen([*BLOCKED, SCRIPT, program], env=environment, stderr=log)
        self.started.append(process)
        return process

    def log(self, program: str) -> str:
        return (self.folder / f"{program}.log").read_text()

    def termination(self, program: str) -> dict[str, Any]:
        content = json.loads((self.folder / f"{program}.termination").read_text())
        assert isinstance(content, dict)
        return content

    def up(self) -> subprocess.Popen[bytes]:
        """A sidecar that has said `up`."""
        sidecar = self.spawn("sidecar")
        wait_until(lambda: self.state.present("up") and self.state.locked("sidecar.lock"))
        return sidecar

    def provisioned(self) -> subprocess.Popen[bytes]:
        """A running sidecar and a provision that has ended well."""
        sidecar = self.up()
        provision = self.spawn("provision")
        assert provision.wait(90) == 0, self.log("provision")
        return sidecar

    @property
    def scheduler_address(self) -> str:
        return f"tcp://127.0.0.1:{(self.state.read('up') or {})['scheduler_port']}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{(self.state.read('up') or {})['api_port']}"

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.started:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def pod(url: str, folder: Path, **changes: Any) -> Iterator[PodProcesses]:
    password = changes.pop("password", PASSWORD)
    processes = PodProcesses(program_settings(url, folder, **changes), folder, password)
    try:
        yield processes
    finally:
        processes.close()


def wait_until(condition: Callable[[], object], timeout: float = 30.0) -> None:
    """Wait for a condition that must come true; the timeout is a hang, not a measurement."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.01)
