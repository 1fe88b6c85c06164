"""The seven calls of Dask Gateway's REST API that this project needs.

dask_gateway_server/routes.py is the source of paths, codes and their meaning; what the real
`dask_gateway` client sends for each operation is compared with this one in
`tests/sidecar/test_gateway_api_contract.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from calrissian_dask_sidecar.contract import CLUSTER_NAME
from calrissian_dask_sidecar.credentials import Credentials
from calrissian_dask_sidecar.errors import GatewayError, GatewayUnavailableError
from calrissian_dask_sidecar.http_exchange import Answer, Exchange

PENDING, RUNNING, STOPPING, STOPPED, FAILED = "PENDING", "RUNNING", "STOPPING", "STOPPED", "FAILED"

RELEASED = frozenset({STOPPING, STOPPED, FAILED})
"""States that a cluster never leaves for PENDING or RUNNING again: the gateway has taken the stop."""

CALL_TIMEOUT = 10.0
"""Seconds for a call: a gateway answers in milliseconds, behind a proxy under load in a few seconds."""

WAIT_TIMEOUT = 30.0
"""Seconds for a call with ?wait, which the gateway itself answers after 20 s at the latest."""


@dataclass(frozen=True)
class Cluster:
    """A cluster as the gateway reports it; `tls` is there for RUNNING clusters asked for by name."""

    name: str
    status: str
    options: Mapping[str, Any]
    tls_cert: str | None = None
    tls_key: str | None = None
    dashboard_route: str | None = None
    start_time: int | None = None


@dataclass(frozen=True)
class Option:
    """An option that the gateway offers: `kind` is string, bool, int, float, select or mapping."""

    name: str
    kind: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


class GatewayApi:
    """Calls to one gateway as one user; safe to use from several threads.

    Every method raises GatewayUnavailableError where asking again may help, GatewayError where
    it will not.
    """

    def __init__(self, exchange: Exchange, credentials: Credentials) -> None:
        self.exchange = exchange
        self._credentials = credentials

    def options(self, *, timeout: float = CALL_TIMEOUT) -> dict[str, Option]:
        """The cluster options that this user is offered, by name."""
        answer = self.call("GET", "/api/v1/options", timeout=timeout)
        try:
            return {o.name: o for o in map(_option, answer["cluster_options"])}
        except (KeyError, TypeError, AttributeError):
            raise self._foreign() from None

    def create(self, options: Mapping[str, Any], *, timeout: float) -> str:
        """Ask for a cluster and return its name at once; it is PENDING then."""
        answer = self.call(
            "POST", "/api/v1/clusters/", {"cluster_options": dict(options)}, timeout=timeout
        )
        name = answer.get("name")
        if not isinstance(name, str) or not CLUSTER_NAME.match(name):
            raise self._foreign()
        return name

    def get(
        self, name: str, *, wait: bool = False, timeout: float = CALL_TIMEOUT
    ) -> Cluster | None:
        """The cluster, or None where the gateway does not know the name (yet, or any more).

        With `wait` the gateway answers when the cluster has left PENDING, or after 20 s.
        """
        try:
            report = self.call("GET", _path(name) + ("?wait" if wait else ""), timeout=timeout)
        except GatewayError as error:
            if error.status == 404:
                return None
            raise
        return self._cluster(report)

    def list(self, *, timeout: float = CALL_TIMEOUT) -> list[Cluster]:
        """This user's clusters that are PENDING or RUNNING."""
        reports = self.call("GET", "/api/v1/clusters/", timeout=timeout)
        return [self._cluster(report) for report in reports.values()]

    def scale(self, name: str, count: int, *, timeout: float = CALL_TIMEOUT) -> str | None:
        """Ask for so many workers; the gateway's words where it will give fewer."""
        return self._resize(_path(name) + "/scale", {"count": count}, timeout)

    def adapt(
        self, name: str, minimum: int, maximum: int, *, timeout: float = CALL_TIMEOUT
    ) -> str | None:
        """Let the number of workers follow the load; the gateway's words where it will give fewer."""
        limits = {"minimum": minimum, "maximum": maximum, "active": True}
        return self._resize(_path(name) + "/adapt", limits, timeout)

    def delete(self, name: str, *, timeout: float = CALL_TIMEOUT) -> None:
        """Ask for the cluster's end.

        204 is answered for unknown names too, even for a cluster that this server has not seen
        yet: only `get` tells.
        """
        self.call("DELETE", _path(name), timeout=timeout)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        timeout: float = CALL_TIMEOUT,
    ) -> dict[str, Any]:
        """Send one call and return the JSON object that answers it ({} for 204)."""
        answer = self.forward(method, path, None if body is None else json.dumps(body), timeout)
        if answer.status == 204:
            return {}
        if answer.status in (200, 201):
            try:
                content = json.loads(answer.body)
            except ValueError:
                content = None
            if isinstance(content, dict):
                return content
            raise self._foreign()
        raise self._refusal(method, path, answer)

    def forward(self, method: str, path: str, body: str | None, timeout: float) -> Answer:
        """Send one request with our credentials and return whatever answers it."""
        headers = {"Accept": "application/json", **self._credentials.headers()}
        content = None if body is None else body.encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        answer = self.exchange.send(method, path, headers, content, timeout)
        if answer.status == 401:
            url = self.exchange.url + path
            more = self._credentials.answer(url, answer.status, answer.headers)
            if more:
                answer = self.exchange.send(method, path, headers | more, content, timeout)
        return answer

    def _resize(self, path: str, body: Mapping[str, Any], timeout: float) -> str | None:
        answer = self.call("POST", path, body, timeout=timeout)
        return None if answer.get("ok", True) else str(answer.get("msg") or "fewer")

    def _cluster(self, report: Any) -> Cluster:
        try:
            return Cluster(
                name=str(report["name"]),
                status=str(report["status"]),
                options=report.get("options") or {},
                tls_cert=report.get("tls_cert"),
                tls_key=report.get("tls_key"),
                dashboard_route=report.get("dashboard_route"),
                start_time=report.get("start_time"),
            )
        except (KeyError, TypeError, AttributeError):
            raise self._foreign() from None

    def _foreign(self) -> GatewayError:
        return GatewayError(
            f"{self.exchange.url} does not answer like a Dask Gateway: set the gateway URL to the"
            " address at which `dask_gateway.Gateway(address=...)` works"
        )

    def _refusal(self, method: str, path: str, answer: Answer) -> GatewayError:
        url, status, words = self.exchange.url, answer.status, _words(answer)
        if status == 401:
            return GatewayError(
                f"{url} does not accept our credentials (401{words}): set gateway.auth to a type,"
                " user name and Secret that this gateway accepts",
                status,
            )
        if status == 403:
            return GatewayError(f"{url} forbids {method} {path} to our user (403{words})", status)
        if 300 <= status < 400:
            target = answer.headers.get("Location", "elsewhere")
            return GatewayError(
                f"{url} has moved ({status}, to {target}): set the gateway URL to the new address",
                status,
            )
        if status == 429 or status >= 500:
            return GatewayUnavailableError(
                f"{url} answered {method} {path} with {status}{words}", status, sent=True
            )
        if status == 404 and not words:
            return self._foreign()
        return GatewayError(f"{url} refused {method} {path} ({status}{words})", status)


def _path(name: str) -> str:
    return "/api/v1/clusters/" + quote(name, safe="")


def _option(entry: Mapping[str, Any]) -> Option:
    spec = entry["spec"]
    return Option(
        name=entry["field"],
        kind=spec["type"],
        minimum=spec.get("min"),
        maximum=spec.get("max"),
        choices=tuple(spec.get("options") or ()),
    )


def _words(answer: Answer) -> str:
    """What the gateway itself said, where it is a gateway that says it: `: text`, else nothing."""
    try:
        text = json.loads(answer.body)["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {text}"
