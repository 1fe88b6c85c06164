"""Our REST client is held to the real one: what `dask_gateway` sends for an operation, we send.

Both work through a recorder on the same real server, one operation after the other; method, path
and body must be the same. Headers differ on purpose: ours sends its credentials at once, the
library after a 401.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calrissian_dask_sidecar.credentials import Credentials, Fixed, make_credentials
from calrissian_dask_sidecar.errors import GatewayError
from calrissian_dask_sidecar.gateway_api import GatewayApi
from calrissian_dask_sidecar.http_exchange import Exchange
from dask_gateway.auth import BasicAuth, JupyterHubAuth

from tests.fault_gateway import Answer, FaultGateway, Seen, fault_gateway
from tests.gateway_server import PASSWORD, USER, GatewayServer
from tests.pod_processes import program_settings, wait_until


@pytest.fixture
def recorder(gateway: GatewayServer) -> Iterator[FaultGateway]:
    with fault_gateway(f"127.0.0.1:{gateway.port}") as faults:
        yield faults


LIBRARY = """
import json, sys
from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth
url, user, password, name, options = sys.argv[1:]
with Gateway(url, auth=BasicAuth(user, password)) as gateway:
    gateway.cluster_options()
    gateway.list_clusters()
    gateway.get_cluster(name)
    gateway.get_cluster(name, wait=True)
    gateway.scale_cluster(name, 2)
    gateway.adapt_cluster(name, 1, 2)
    submitted = gateway.submit(**json.loads(options))
    report = gateway.get_cluster(name)
    gateway.stop_cluster(name)
    gateway.stop_cluster(submitted)
print(json.dumps({
    "submitted": submitted,
    "report": [report.status.name, report.tls_cert, report.tls_key, report.options,
               int(report.start_time.timestamp() * 1000), report.dashboard_link],
}))
"""
"""In a process of its own: dask_gateway's client does not always end well (its `__del__`)."""


def wire(recorder: FaultGateway) -> list[tuple[str, str, Any]]:
    """What went over the wire, without the tries that were answered 401."""
    return [(s.method, s.path, s.body) for s in recorder.seen if "Authorization" in s.headers]


def test_every_operation_and_every_report_is_the_librarys(
    recorder: FaultGateway, gateway: GatewayServer
) -> None:
    ours = GatewayApi(Exchange(recorder.url), gateway.credentials())
    options = {"worker_cores": 1.0, "environment": {"A": "b"}}
    name = ours.create(options, timeout=30)
    wait_until(lambda: (c := ours.get(name, wait=True)) is not None and c.status == "RUNNING")
    mine = ours.get(name)
    recorder.seen.clear()
    arguments = [recorder.url, USER, PASSWORD, name, json.dumps(options)]
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY, *arguments], capture_output=True, text=True, check=True
    )
    theirs = json.loads(done.stdout)
    expected = wire(recorder)
    recorder.seen.clear()
    ours.options()
    ours.list()
    ours.get(name)
    ours.get(name, wait=True)
    with contextlib.suppress(GatewayError):  # the library's run has stopped it by now
        ours.scale(name, 2)
    with contextlib.suppress(GatewayError):
        ours.adapt(name, 1, 2)
    submitted = ours.create(options, timeout=30)
    ours.get(name)
    ours.delete(name)
    ours.delete(submitted)
    assert [m for m, _, _ in expected] == ["GET"] * 4 + ["POST"] * 3 + ["GET"] + ["DELETE"] * 2
    assert json.loads(json.dumps(wire(recorder)).replace(submitted, theirs["submitted"])) == [
        list(request) for request in expected
    ]
    assert mine is not None
    assert [
        mine.status,
        mine.tls_cert,
        mine.tls_key,
        mine.options,
        mine.start_time,
        recorder.url + str(mine.dashboard_route),
    ] == theirs["report"]


@pytest.mark.parametrize(
    ("changes", "secret", "library"),
    [
        ({"username": "me"}, "pä§§", lambda: BasicAuth("me", "pä§§")),
        ({"username": "me"}, None, lambda: BasicAuth("me", None)),
        ({"auth_type": "jupyterhub"}, "t0ken", lambda: JupyterHubAuth("t0ken")),
    ],
)
def test_the_authorization_is_the_librarys(
    changes: dict[str, Any], secret: str | None, library: Callable[[], Any], tmp_path: Path
) -> None:
    settings = program_settings("http://x", tmp_path, **changes)
    environ = {} if secret is None else {"CALRISSIAN_DASK_SECRET": secret}
    expected, _ = library().pre_request(None)
    assert make_credentials(settings, environ).headers() == expected


def test_an_own_auth_class_of_the_library_answers_the_challenge(
    gateway: GatewayServer, recorder: FaultGateway, tmp_path: Path
) -> None:
    """`dask_gateway.auth.BasicAuth` by its dotted name, as an operator names a class of their own."""
    settings = program_settings(
        recorder.url,
        tmp_path,
        auth_type="dask_gateway.auth.BasicAuth",
        auth_kwargs={"username": USER, "password": "{CALRISSIAN_DASK_SECRET}"},
    )
    credentials: Credentials = make_credentials(settings, {"CALRISSIAN_DASK_SECRET": PASSWORD})
    assert GatewayApi(Exchange(recorder.url), credentials).options()
    assert [("Authorization" in s.headers) for s in recorder.seen] == [False, True]


def test_the_address_of_a_gateway_behind_a_path_keeps_the_path() -> None:
    with fault_gateway() as faults:

        def strip(seen: Seen, _: FaultGateway) -> Answer | None:
            assert seen.path == "/services/dask/api/v1/options"
            return Answer(200, {"cluster_options": []})

        faults.faults.append(strip)
        assert GatewayApi(Exchange(faults.url + "/services/dask/"), Fixed(None)).options() == {}
