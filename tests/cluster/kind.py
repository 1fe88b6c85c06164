"""The Kubernetes of the suite: one kind cluster with one node."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from tests.cluster.engine import CACHE, ROOT, CommandFailedError, call, present, succeeds

NAME = "calrissian-dask-test"
"""Of the kind cluster: nobody's own is called so."""

MODULE = "sigs.k8s.io/kind@v0.33.0"
"""What Go installs where no kind is on PATH."""

LOCAL_NODE = "local/kind-node:v1.34.4"
"""What the project's own recipe builds (tests/kind/node-image.sh)."""

SHARED_ARCHIVE = ROOT.parent / "shared" / "kind" / "node.tar.zst"
"""That image, where this working place keeps it; otherwise KIND_NODE_ARCHIVE says where it is."""

NO_KIND = "kind is not on PATH, nor is Go, which would install it"

NODE = f"{NAME}-control-plane"
"""The node's container."""

NODE_PORT = 30800
"""Where the gateway is served on the node, and by kind on a free port of this machine."""

NOT_PULLED = "failed to pull image"
"""What kind says where it cannot have its own node image (its package nodeimage)."""

KUBECONFIG = CACHE / "kubeconfig"
"""Not the developer's own."""

CONFIG = f"""
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  extraPortMappings:
  - containerPort: {NODE_PORT}
    listenAddress: 127.0.0.1
"""


def can_be_had() -> bool:
    """Whether there is a `kind`, or Go, which installs one."""
    return bool(_found() or shutil.which("go"))


def _found() -> str | None:
    return shutil.which("kind", path=f"{os.environ['PATH']}{os.pathsep}{CACHE / 'bin'}")


def kind_program() -> str:
    """`kind` on PATH, or in our cache, where Go installs it."""
    found = _found()
    if found:
        return found
    if not can_be_had():
        raise CommandFailedError(f"{NO_KIND}: install either")
    bin_folder = str(CACHE / "bin")
    call("go", "install", MODULE, GOBIN=bin_folder, CGO_ENABLED="0")
    return str(CACHE / "bin" / "kind")


def up() -> None:
    """Create the cluster where there is none, and wait until it serves names."""
    kind = kind_program()
    CACHE.mkdir(parents=True, exist_ok=True)
    if exists():
        call(kind, "export", "kubeconfig", "--name", NAME, "--kubeconfig", KUBECONFIG)
        call("docker", "start", NODE)  # the machine may have been started anew
        _wait_for_names()
        return
    chosen = os.environ.get("KIND_NODE_IMAGE") or (LOCAL_NODE if present(LOCAL_NODE) else None)
    try:
        _create(chosen)
    except CommandFailedError as error:
        if chosen or NOT_PULLED not in str(error):
            raise
        _create(_stand_in())
    _wait_for_names()


def _wait_for_names() -> None:
    # Before that, traffic to a ClusterIP would leave by the machine's own gateway.
    on_node("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "-n", "kube-system",
            "rollout", "status", "deployment/coredns", "--timeout=180s")  # fmt: skip


def exists() -> bool:
    """Whether the cluster is there."""
    return NAME in call(kind_program(), "get", "clusters").split()


def _create(image: str | None) -> None:
    """Create the cluster with this node image, or the one that kind chooses."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "kind.yaml"
        config.write_text(CONFIG)
        call(
            kind_program(), "create", "cluster", "--name", NAME, "--kubeconfig", KUBECONFIG,
            "--config", config, "--wait", "180s", *(["--image", image] if image else []),
            timeout=1800,
        )  # fmt: skip


def _stand_in() -> str:
    """A node image for where kind's own cannot be pulled: from an archive, or built from source."""
    cached = CACHE / "node.tar.zst"
    named = os.environ.get("KIND_NODE_ARCHIVE")
    for path in (Path(named),) if named else (SHARED_ARCHIVE, cached):
        if path.exists() or named:
            return _load_archive(path)
    print("building a node image from source: about a quarter of an hour", flush=True)
    call(ROOT / "tests/kind/node-image.sh", LOCAL_NODE, cached, timeout=3600)
    return LOCAL_NODE


def _load_archive(path: Path) -> str:
    """Load a docker-save archive, compressed with zstd; the image that was in it."""
    if not path.exists():
        raise CommandFailedError(
            f"KIND_NODE_ARCHIVE is {path}, which does not exist: name a docker save archive, or unset it"
        )
    said = call("bash", "-o", "pipefail", "-c", 'zstd -dc --long=27 "$0" | docker load', path)
    loaded = [line.partition("Loaded image: ")[2] for line in said.splitlines()]
    if not any(loaded):
        raise CommandFailedError(f"{path} is no archive of a named image, as docker save makes it")
    return next(filter(None, loaded)).strip()


def load(images: list[str]) -> None:
    """Give images to the node; those it has already are not sent again."""
    call(kind_program(), "load", "docker-image", "--name", NAME, *images)


def on_node(*words: str) -> str:
    """Run a program on the node."""
    return call("docker", "exec", NODE, *words)


def gateway_address() -> str:
    """host:port of the gateway's NodePort, as this machine reaches it."""
    return call("docker", "port", NODE, f"{NODE_PORT}/tcp").splitlines()[0].strip()


def down() -> None:
    """Delete the cluster and its kubeconfig."""
    if succeeds("docker", "info"):
        call(kind_program(), "delete", "cluster", "--name", NAME, "--kubeconfig", KUBECONFIG)
        while NODE in call("docker", "ps", "--all", "--format", "{{.Names}}").split():
            time.sleep(0.2)
    KUBECONFIG.unlink(missing_ok=True)
    KUBECONFIG.with_suffix(".lock").unlink(missing_ok=True)
