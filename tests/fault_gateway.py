"""A gateway that fails on demand: an HTTP server before a real gateway, or one of its own.

Every request is recorded. A `Fault` decides what becomes of it; without one it is passed on to the
real gateway, or answered from a small in-memory gateway where there is none.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OPTIONS: list[dict[str, Any]] = [
    {"field": "image", "label": "image", "default": "", "spec": {"type": "string"}},
    {"field": "worker_cores", "label": "c", "default": 1, "spec": {"type": "float"}},
    {"field": "worker_cores_limit", "label": "l", "default": 1, "spec": {"type": "float"}},
    {"field": "worker_memory", "label": "m", "default": "1 G", "spec": {"type": "string"}},
    {"field": "environment", "label": "e", "default": {}, "spec": {"type": "mapping"}},
]


@dataclass(frozen=True)
class Seen:
    """One request."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]
    at: float


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Fault = Callable[[Seen, "FaultGateway"], "Answer | None"]
"""What to answer, or None to go on as usual; may sleep, or raise Hang up."""


class HangUpError(Exception):
    """Close the connection without an answer."""


class FaultGateway:
    """Serves on loopback; `upstream` is host:port of a real gateway."""

    def __init__(self, upstream: str | None = None) -> None:
        self.upstream = upstream
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self.drip = False
        self.clusters: dict[str, dict[str, Any]] = {}
        self.options: list[dict[str, Any]] = OPTIONS
        self.new_status = "RUNNING"
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                raw = self.rfile.read(length)
                body = json.loads(raw) if raw else None
                seen = Seen(self.command, self.path, body, dict(self.headers), time.monotonic())
                try:
                    answer = outer.answer(seen)
                except HangUpError:
                    self.close_connection = True
                    return
                with contextlib.suppress(OSError):
                    outer.write(self, answer)

            do_GET = do_POST = do_DELETE = _serve

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def requests(self, method: str, end: str = "") -> list[Seen]:
        return [s for s in list(self.seen) if s.method == method and s.path.endswith(end)]

    @property
    def posts(self) -> int:
        return len(self.requests("POST", "/clusters/"))

    def answer(self, seen: Seen) -> Answer:
        with self._lock:
            self.seen.append(seen)
        for fault in list(self.faults):
            answer = fault(seen, self)
            if answer is not None:
                return answer
        return self.passed_on(seen) if self.upstream else self.own(seen)

    def passed_on(self, seen: Seen) -> Answer:
        assert self.upstream is not None
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        headers = {k: v for k, v in seen.headers.items() if k in ("Authorization", "Content-Type")}
        content = None if seen.body is None else json.dumps(seen.body)
        connection.request(seen.method, seen.path, content, headers)
        response = connection.getresponse()
        text = response.read()
        kept = {k: v for k, v in response.getheaders() if k == "Set-Cookie"}
        return Answer(response.status, json.loads(text) if text else None, kept)

    def own(self, seen: Seen) -> Answer:
        """The answers of a gateway that has no clusters but in its memory."""
        path = seen.path.split("?")[0]
        if path == "/api/v1/options":
            return Answer(200, {"cluster_options": self.options})
        if path == "/api/v1/clusters/":
            if seen.method == "POST":
                return Answer(201, {"name": self.make(seen.body["cluster_options"])})
            alive = {
                name: cluster
                for name, cluster in self.clusters.items()
                if cluster["status"] in ("PENDING", "RUNNING")
            }
            return Answer(200, alive)
        name, _, action = path.removeprefix("/api/v1/clusters/").partition("/")
        cluster = self.clusters.get(name)
        if seen.method == "DELETE":
            if cluster is not None:
                cluster["status"] = "STOPPING"
            return Answer(204)
        if cluster is None:
            return Answer(404, {"error": f"Cluster {name} not found"})
        if action:
            return Answer(200, {"ok": True, "msg": None})
        return Answer(200, cluster)

    def make(self, options: dict[str, Any], status: str | None = None) -> str:
        name = f"{len(self.clusters):032x}"
        self.clusters[name] = {
            "name": name,
            "dashboard_route": None,
            "status": status or self.new_status,
            "start_time": 0,
            "stop_time": None,
            "options": options,
            "tls_cert": "",
            "tls_key": "",
        }
        return name

    def write(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        head = f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, '')}\r\n"
        for name, value in {**answer.headers, "Connection": "close"}.items():
            head += f"{name}: {value}\r\n"
        if answer.status != 204:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        text = head.encode() + b"\r\n" + (content if answer.status != 204 else b"")
        if not self.drip:
            handler.wfile.write(text)
            return
        for number in range(len(text)):
            handler.wfile.write(text[number : number + 1])
            handler.wfile.flush()
            time.sleep(0.03)  # a report takes 9 s so

    def leaks(self) -> list[str]:
        return [n for n, c in self.clusters.items() if c["status"] in ("PENDING", "RUNNING")]


@contextlib.contextmanager
def fault_gateway(upstream: str | None = None) -> Iterator[FaultGateway]:
    gateway = FaultGateway(upstream)
    thread = threading.Thread(target=gateway.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        gateway.server.shutdown()
        gateway.server.server_close()
        thread.join()


def first(count: int, method: str, end: str, answer: Answer) -> Fault:
    """Answer the first so many requests of a kind."""
    left = [count]

    def fault(seen: Seen, gateway: FaultGateway) -> Answer | None:
        if seen.method == method and seen.path.endswith(end) and left[0]:
            left[0] -= 1
            return answer
        return None

    return fault


def always(method: str, end: str, answer: Answer) -> Fault:
    return first(10**9, method, end, answer)


def slow(seconds: float) -> Fault:
    """Every request waits."""

    def fault(seen: Seen, gateway: FaultGateway) -> Answer | None:
        time.sleep(seconds)
        return None

    return fault


def lost_answer(method: str, end: str) -> Fault:
    """The first request of a kind is acted on, and its answer never comes."""
    done: list[bool] = []

    def fault(seen: Seen, gateway: FaultGateway) -> Answer | None:
        if seen.method == method and seen.path.endswith(end) and not done:
            done.append(True)
            _ = gateway.passed_on(seen) if gateway.upstream else gateway.own(seen)
            raise HangUpError
        return None

    return fault
