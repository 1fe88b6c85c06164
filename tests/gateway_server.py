"""A real dask-gateway-server on loopback: API server, proxy, local backend."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from calrissian_dask_sidecar.credentials import Credentials, Fixed
from calrissian_dask_sidecar.errors import GatewayError
from calrissian_dask_sidecar.gateway_api import Cluster, GatewayApi
from calrissian_dask_sidecar.http_exchange import Exchange

PASSWORD = "s3cret"
USER = "calrissian-test"

STRINGS = """
from dask_gateway_server.options import Options, String, Float, Mapping
def handler(o):
    return {"worker_cores": max(1, int(o.worker_cores)), "worker_memory": o.worker_memory,
            "environment": dict(o.environment)}
c.Backend.cluster_options = Options(
    String("image", default="none"), Float("worker_cores", default=1),
    Float("worker_cores_limit", default=1), String("worker_memory", default="1 G"),
    Mapping("environment"), handler=handler)
"""
"""The options as eoap publish them (memory is a string), and a mapping that takes a tag."""

FLOATS = """
from dask_gateway_server.options import Options, String, Float, Integer
def handler(o):
    return {"worker_cores": o.worker_cores, "worker_memory": int(o.worker_memory * 2**30)}
c.Backend.cluster_options = Options(
    String("image", default="none"), Integer("worker_cores", default=1, min=1, max=16),
    Float("worker_cores_limit", default=1), Float("worker_memory", default=1, min=0.1, max=64),
    handler=handler)
"""
"""As Pangeo and daskhub declare them: memory is a Float in GiB; nothing takes a tag."""

NONE = ""
"""The default of dask-gateway and of its chart."""

BASE = """
import sys
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.address = "127.0.0.1:{api}"
c.Proxy.address = "127.0.0.1:{proxy}"
c.LocalBackend.clusters_directory = {clusters!r}
c.LocalBackend.sigint_timeout = 2
c.ClusterConfig.scheduler_cmd = ["{dask}", "scheduler"]
c.ClusterConfig.worker_cmd = ["{dask}", "worker"]
c.DBBackendBase.db_cleanup_period = 3600
"""

SIMPLE_AUTH = """
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.SimpleAuthenticator.password = {password!r}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class GatewayServer:
    """Runs until the block ends; `config` is appended to the gateway's configuration."""

    folder: Path
    config: str = STRINGS
    password: str | None = PASSWORD
    python: str = sys.executable
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        clusters = self.folder / "clusters"
        clusters.mkdir(parents=True, exist_ok=True)
        text = BASE.format(
            api=free_port(),
            proxy=self.port,
            clusters=str(clusters),
            dask=str(Path(self.python).with_name("dask")),
        )
        if self.password is not None:
            text += SIMPLE_AUTH.format(password=self.password)
        config = self.folder / "dask_gateway_config.py"
        config.write_text(text + self.config)
        self.log = (self.folder / "gateway.log").open("wb")
        self.process = subprocess.Popen(
            [str(Path(sys.executable).with_name("dask-gateway-server")), "-f", str(config)],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self._await()
        return self

    def _await(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                self.api().options()
            except GatewayError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.folder / "gateway.log").read_text())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def credentials(self, user: str = USER) -> Credentials:
        from base64 import b64encode

        text = f"{user}:{self.password or ''}"
        return Fixed("Basic " + b64encode(text.encode()).decode())

    def api(self, user: str = USER) -> GatewayApi:
        return GatewayApi(Exchange(self.url), self.credentials(user))

    def alive(self, user: str = USER) -> list[Cluster]:
        """The clusters that would be leaks: PENDING or RUNNING."""
        return self.api(user).list()
