"""The gateway's API on a loopback port, for this pod's cluster only.

It adds the Authorization header, so `Gateway().connect(os.environ["DASK_CLUSTER"])` works in the
tool on a gateway with a password that the tool does not have. What it lets through concerns the
own cluster: the options, its report, its scale and its end; a list of one. Everything else is 403
with a sentence. The path that is sent on is built from our own name, never from the tool's text.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from calrissian_dask_sidecar.errors import GatewayError
from calrissian_dask_sidecar.gateway_api import CALL_TIMEOUT, WAIT_TIMEOUT, GatewayApi
from calrissian_dask_sidecar.http_exchange import Answer

BODY_LIMIT = 64 * 1024
"""Bytes of a request; the largest, adapt, has about 60."""

AT_ONCE = 64
"""Connections at the same time, each with a thread; a tool's clients ask a few times in their lives."""

IDLE_TIMEOUT = 30.0
"""Seconds after which a connection that says nothing is closed."""

LIST = re.compile(r"/api/v1/clusters/(\?status=[A-Za-z,%]*)?\Z")
OWN = re.compile(r"/api/v1/clusters/([^/?]+)(/scale|/adapt)?(\?wait)?\Z")

Route = tuple[str, float]
"""The path to send on, and its timeout in seconds."""


def route(method: str, path: str, own: str) -> Route | None:
    """Where a request of the tool goes, or None where it is refused."""
    if method == "GET" and (path == "/api/v1/options" or LIST.match(path)):
        return path, CALL_TIMEOUT
    match = OWN.match(path)
    if match is None or match[1] != own:
        return None
    resize, wait = match[2] or "", match[3] or ""
    if (method == "POST") == bool(resize) and method in ("GET", "POST", "DELETE"):
        if wait and method != "GET":
            return None
        return f"/api/v1/clusters/{own}{resize}{wait}", WAIT_TIMEOUT if wait else CALL_TIMEOUT
    return None


def list_of_one(answer: Answer, own: str) -> Answer:
    """A list answer with only the own cluster in it."""
    if answer.status != 200:
        return answer
    try:
        clusters = json.loads(answer.body)
        kept = {name: report for name, report in clusters.items() if name == own}
    except (ValueError, AttributeError):
        return _sentence(502, "the gateway's list could not be read")
    return Answer(200, {}, json.dumps(kept).encode())


class LoopbackApi:
    """Binds a loopback port (0: a free one) and serves it from `start` on; raises OSError if taken.

    `own` answers the cluster's name, or None before there is one.
    """

    def __init__(self, port: int, gateway: GatewayApi, own: Callable[[], str | None]) -> None:
        class Handler(_Handler):
            def serve(self, method: str, path: str, body: str) -> Answer:
                return _serve(gateway, own(), method, path, body)

        self._server = _Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        """Serve in a daemon thread."""
        threading.Thread(target=self._server.serve_forever, name="api", daemon=True).start()


class _Server(ThreadingTCPServer):
    """Not http.server's own: that one looks up its host's name when it binds, which needs DNS."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = AT_ONCE

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, handler)

    def verify_request(self, request: object, client_address: object) -> bool:
        return self._slots.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: the tool hung up, which is its right."""


class _Handler(BaseHTTPRequestHandler):
    timeout = IDLE_TIMEOUT
    server_version = "calrissian-dask-sidecar"
    sys_version = ""

    def serve(self, method: str, path: str, body: str) -> Answer:
        raise NotImplementedError

    def _handle(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_LIMIT:
            self._answer(_sentence(413, f"the request is longer than {BODY_LIMIT} bytes"))
            return
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        self._answer(self.serve(self.command, self.path, body))

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = do_OPTIONS = _handle

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status != 204 and self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a tool that polls would fill the log."""


def _serve(gateway: GatewayApi, own: str | None, method: str, path: str, body: str) -> Answer:
    if own is None:
        return _sentence(503, "there is no cluster yet")
    target = route(method, path, own)
    if target is None:
        return _sentence(
            403,
            f"{method} {path} is not for this step: it has the cluster {own} and no other; connect"
            " to it with Gateway().connect(os.environ['DASK_CLUSTER']) or Client()",
        )
    try:
        answer = gateway.forward(method, target[0], body or None, target[1])
    except GatewayError as error:
        return _sentence(502, str(error))
    return list_of_one(answer, own) if LIST.match(path) else answer


def _sentence(status: int, text: str) -> Answer:
    return Answer(status, {}, json.dumps({"error": text}).encode())
