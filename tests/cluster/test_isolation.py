"""What a tool can read and reach: its own cluster, and no credential (T68, T90)."""

from __future__ import annotations

import json
from base64 import b64encode

from calrissian_dask.containers import PROVISION, SIDECAR

from tests.cluster import node
from tests.cluster.gateway import PASSWORD
from tests.cluster.images import GATEWAY
from tests.cluster.kind import on_node
from tests.cluster.namespaces import Namespace
from tests.cluster.steps import step
from tests.cluster.tools import TOLD, python

SEARCH = """
import base64, glob, os, pathlib, sys
secret = sys.argv[1][::-1].encode()
forms = {secret, base64.b64encode(secret)}
forms |= {base64.b64encode(b"x" * pad + secret)[4 * (pad > 0):-4] for pad in range(3)}
def readable(path):
    try:
        return open(path, "rb").read(1 << 20)
    except OSError:
        return b""
pathlib.Path("/tmp/planted").write_bytes(b"a line with " + secret)
found = []
for root in ("/run", "/var/run", "/tmp", "/dev", "/home", "/root", "/etc"):
    for folder, _, files in os.walk(root):
        for file in files:
            path = os.path.join(folder, file)
            if os.path.isfile(path) and any(f in readable(path) for f in forms):
                found.append(path)
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    if f"/{os.getpid()}/" not in path and any(f in readable(path) for f in forms):
        found.append(path)
print("environment", any(secret.decode() in value for value in os.environ.values()))
print("found", found)
print("mounted", sorted(os.listdir("/run/calrissian-dask")))
try:
    pathlib.Path("/run/calrissian-dask/cluster").write_text("another")
    print("written")
except OSError:
    print("read-only")
"""
"""Looks everywhere for the password, which is given reversed so that the search does not find itself."""

GATEWAY_CALLS = """
import os
from dask_gateway import Gateway

def refused(call, *words):
    try:
        call(*words)
    except Exception as error:
        return str(error).splitlines()[0]
    return "ALLOWED"

with Gateway() as gateway:
    name = os.environ["DASK_CLUSTER"]
    print("list", [c.name for c in gateway.list_clusters()] == [name])
    with gateway.connect(name, shutdown_on_close=False) as cluster:
        with cluster.get_client() as client:
            print("sum", client.submit(sum, [1, 2, 39]).result())
        cluster.scale(1)
        print("scaled")
    print("new", refused(gateway.submit))
    print("other", refused(gateway.get_cluster, OTHER))
    print("stop", refused(gateway.stop_cluster, OTHER))
"""


def test_t90_no_credential_in_the_tool(ns: Namespace) -> None:
    """As root, with what root may read in its own container; a file that it plants itself is found."""
    line = f"python3 - {PASSWORD[::-1]} <<'END'\n{SEARCH.strip()}\nEND\n"
    pod = ns.run(step(line, securityContext={"runAsUser": 0}))
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log().splitlines() == [
        "environment False",
        "found ['/tmp/planted']",
        "mounted ['cluster']",
        "read-only",
    ]
    sidecar, provision = pod.log(SIDECAR), pod.log(PROVISION)
    assert "up: " in sidecar
    assert "is ready" in provision
    basic = b64encode(f"{ns.user}:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, basic, "PRIVATE KEY"):
        assert secret not in sidecar + provision + json.dumps(pod.states)
    pod.assert_released()


def test_t68_the_gateways_api_in_the_tool(ns: Namespace) -> None:
    """Its own cluster works with the real client; another one of the same user is out of reach."""
    other = ns.run(step(TOLD))
    node.wait_wrote(other, "first")
    (foreign,) = ns.clusters()
    code = GATEWAY_CALLS.replace("OTHER", repr(foreign.name))
    pod = ns.run(step(python(code), main={"image": GATEWAY}))
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    said = dict(line.split(" ", 1) for line in pod.log().splitlines() if " " in line)
    assert said["list"] == "True"
    assert said["sum"] == "42"
    for refusal in ("new", "other", "stop"):
        assert "ALLOWED" not in said[refusal]
        assert "own cluster" in said[refusal] or "403" in said[refusal], said[refusal]
    assert [c.name for c in ns.alive()] == [foreign.name], "the other's cluster is untouched"
    node.touch(other, "go")
    other.wait_ended()
    assert other.exit_code() == 7
    assert ns.alive() == []


def test_t90_no_service_account_token_in_ours(ns: Namespace) -> None:
    """The admission plugin mounts one into every container; not into those that mask its place."""
    pod = ns.run(step(TOLD))
    node.wait_wrote(pod, "first")
    spec = pod.now["spec"]
    mounts = {
        c["name"]: [
            m["name"] for m in c["volumeMounts"] if m["mountPath"].endswith("serviceaccount")
        ]
        for c in [*spec["initContainers"], *spec["containers"]]
    }
    assert mounts[SIDECAR] == mounts[PROVISION] == ["dask-no-token"]
    assert mounts["main"][0].startswith("kube-api-access")
    masked = on_node("ls", "-A", node.EMPTY_DIRS.format(uid=pod.uid, volume="dask-no-token"))
    assert masked == ""
    node.touch(pod, "go")
    pod.wait_ended()


TWO_PORTS = """
listening = set()
for line in open("/proc/net/tcp").readlines()[1:] + open("/proc/net/tcp6").readlines()[1:]:
    words = line.split()
    if words[3] == "0A":
        address, port = words[1].rsplit(":", 1)
        listening.add((address, int(port, 16)))
print(sorted(listening))
"""


def test_two_loopback_ports_and_nothing_else(ns: Namespace) -> None:
    pod = ns.run(step(python(TWO_PORTS)))
    pod.wait_ended()
    assert pod.log() == "[('0100007F', 28786), ('0100007F', 28787)]\n"
