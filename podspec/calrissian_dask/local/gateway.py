"""A Dask Gateway of our own on loopback, for as long as one command runs."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from calrissian_dask_sidecar.credentials import Fixed, basic
from calrissian_dask_sidecar.gateway_api import GatewayApi
from calrissian_dask_sidecar.http_exchange import Exchange

from calrissian_dask.errors import CalrissianDaskError, GatewayError

USER = "calrissian-local"

START_TIMEOUT = 60.0
"""Seconds until it answers; it takes one, on a loaded laptop several."""

STOP_TIMEOUT = 20.0
"""Seconds until it has stopped its clusters; they get SIGINT, SIGTERM and SIGKILL within six."""

CONFIG = """
from dask_gateway_server.backends.local import UnsafeLocalBackend
from dask_gateway_server.options import Integer, Mapping, Options, String

class KeepLogs(UnsafeLocalBackend):
    def cleanup_working_directory(self, workdir):
        pass  # the log of a scheduler that failed; the whole folder goes at the end

def local(options):
    program = [options.python, "-m"]
    return {{
        "scheduler_cmd": [*program, "distributed.cli.dask_scheduler"],
        "worker_cmd": [*program, "distributed.cli.dask_worker"],
        "worker_cores": options.worker_cores,
        "worker_memory": options.worker_memory,
        "environment": dict(options.environment),
    }}

c.DaskGateway.backend_class = KeepLogs
c.DaskGateway.address = "127.0.0.1:{api}"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.SimpleAuthenticator.password = {password!r}
c.Proxy.address = "127.0.0.1:{proxy}"
c.LocalBackend.clusters_directory = {clusters!r}
c.LocalBackend.sigint_timeout = 3
c.LocalBackend.sigterm_timeout = 2
c.LocalBackend.sigkill_timeout = 1
c.Backend.cluster_options = Options(
    String("python"), Integer("worker_cores", default=1, min=1), String("worker_memory"),
    Mapping("environment"), handler=local)
"""


class EmbeddedGateway:
    """Starts at the first `start`, ends at `stop`; both may be called from any thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.password = secrets.token_hex(16)
        self.url = ""
        self._environ = environ
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @property
    def pid(self) -> int | None:
        """Its process, or None before the start."""
        return self._process.pid if self._process else None

    def start(self, cancelled: Callable[[], bool]) -> None:
        """Return when it answers; raises GatewayError where it does not, or was cancelled."""
        with self._lock:
            if self._process is None:
                self._spawn()
            self._await(cancelled)

    def stop(self) -> None:
        """End it and whatever it has started."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
                try:
                    self._process.wait(STOP_TIMEOUT)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="calrissian-dask-gateway-"))
        clusters = self._folder / "clusters"
        clusters.mkdir()
        api, proxy = _free_ports(2)
        self.url = f"http://127.0.0.1:{proxy}"
        config = self._folder / "dask_gateway_config.py"
        config.write_text(
            CONFIG.format(api=api, proxy=proxy, password=self.password, clusters=str(clusters))
        )
        config.chmod(0o600)  # it has the password
        with open(self._folder / "gateway.log", "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dask_gateway_server", "-f", str(config)],
                cwd=self._folder,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; this one goes last
            )

    def _await(self, cancelled: Callable[[], bool]) -> None:
        assert self._process is not None
        api = GatewayApi(Exchange(self.url), Fixed(basic(USER, self.password)))
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            if cancelled():
                raise GatewayError("interrupted before the embedded gateway was up")
            try:
                api.options(timeout=5)
            except CalrissianDaskError:
                time.sleep(0.1)
            else:
                return
        assert self._folder is not None
        said = _last_line(self._folder / "gateway.log") or "it said nothing"
        raise GatewayError(f"the embedded Dask Gateway did not start: {said}")

    def last_words(self) -> str:
        """What the newest scheduler said last, as a half sentence; "" where it said nothing."""
        if self._folder is None:
            return ""
        logs = sorted(
            self._folder.glob("clusters/*/logs/scheduler.log"), key=lambda log: log.stat().st_mtime
        )
        said = _last_line(logs[-1]) if logs else None
        return f" (the scheduler's last words: {said})" if said else ""


def _last_line(log: Path) -> str | None:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else None


def _free_ports(number: int) -> list[int]:
    """Ports that are free now, all different."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
