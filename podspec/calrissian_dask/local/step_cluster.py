"""One step's cluster on one machine: the pod's two programs as processes, over a temporary folder."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from calrissian_dask_sidecar.contract import SECRET_ENV
from calrissian_dask_sidecar.program_settings import ProgramSettings, write
from calrissian_dask_sidecar.state import State

from calrissian_dask.dask_environment import dask_environment
from calrissian_dask.errors import GatewayError

POLL = 0.05
"""Seconds between looks at a process, and so until an interrupt is noticed."""

STOP_MARGIN = 5
"""Seconds beyond its own budget after which a program is killed."""


class StepCluster:
    """Made by `provision`, given back by `stop`; `pids` are the processes that are ours to end."""

    def __init__(
        self, settings: ProgramSettings, secret: str | None, environ: Mapping[str, str]
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="calrissian-dask-"))
        self._settings = replace(settings, state=str(self._folder / "state"))
        self._secret = secret
        self._environ = environ
        self._state = State(self._settings.state)
        self._state.folder.mkdir(mode=0o700)
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self.message: dict[str, Any] = {}

    @property
    def pids(self) -> set[int]:
        """The processes of this cluster's programs."""
        return {process.pid for process in self._started.values()}

    def provision(
        self, cancelled: Callable[[], bool], heard: Callable[[str], None]
    ) -> dict[str, str]:
        """The environment that connects the tool; raises GatewayError with provision's sentence.

        `heard` takes each line that provision says meanwhile.
        """
        self._spawn("sidecar")
        provision = self._spawn("provision")
        said = 0
        while provision.poll() is None:
            if cancelled():
                self._end("provision")
                raise GatewayError("interrupted while its Dask cluster was made")
            lines = self._lines("provision")
            for line in lines[said:]:
                heard(line)
            said = len(lines)
            time.sleep(POLL)
        self.message = self._termination("provision")
        if provision.returncode:
            raise GatewayError(str(self.message.get("error", self._log("provision"))))
        return self._connection()

    def stop(self) -> dict[str, Any]:
        """Give the cluster back; what the sidecar says of it."""
        self._end("provision")
        self._end("sidecar")
        said = self._termination("sidecar")
        shutil.rmtree(self._folder, ignore_errors=True)
        return said

    def _connection(self) -> dict[str, str]:
        up = self._state.read("up") or {}
        settings = self._settings
        public = settings.public_url or settings.gateway_url
        proxy = str(settings.proxy_address)
        found = dask_environment(up["scheduler_port"], up["api_port"], proxy, public)
        return {"DASK_CLUSTER": str(self.message["cluster"]), **found}

    def _spawn(self, program: str) -> subprocess.Popen[bytes]:
        settings = replace(self._settings, termination_log=str(self._folder / f"{program}.end"))
        environment = {**self._environ, **write(settings)}
        if self._secret is not None:
            environment[SECRET_ENV] = self._secret
        with open(self._folder / f"{program}.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "calrissian_dask_sidecar", program],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; these end after the tool
            )
        self._started[program] = process
        return process

    def _end(self, program: str) -> None:
        process = self._started.get(program)
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(self._settings.stop_timeout + STOP_MARGIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _termination(self, program: str) -> dict[str, Any]:
        try:
            said = json.loads((self._folder / f"{program}.end").read_text())
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}

    def _lines(self, program: str) -> list[str]:
        """The whole lines of a program's log, without its name."""
        text = (self._folder / f"{program}.log").read_text(errors="replace")
        whole = text.rpartition("\n")[0]
        return [line.removeprefix("calrissian-dask: ") for line in whole.splitlines()]

    def _log(self, program: str) -> str:
        lines = self._lines(program)
        return lines[-1] if lines else f"{program} ended without a word"
