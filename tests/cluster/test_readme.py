"""The README's section on Kubernetes, followed word by word in a namespace that has nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from calrissian_dask import __version__

from tests.cluster import kind
from tests.cluster.calrissian.volumes import shared_folder
from tests.cluster.conftest import NamespaceMaker
from tests.cluster.engine import ROOT, buildkit, call
from tests.cluster.environment import Environment
from tests.cluster.gateway import PASSWORD, URL
from tests.cluster.images import TOOL, base_image
from tests.cluster.kind import NAME, NODE, load

REGISTRY = "registry.example.org/calrissian-dask-test"

DOCKER = """#!/bin/sh
# What the README leaves to its reader: a base image of one's own, and a registry.
case "$1" in
build) shift; exec {docker} build --network=host --build-arg=BASE_IMAGE={base} "$@" ;;
push) exec {kind} load docker-image --name {name} "$2" ;;
*) exec {docker} "$@" ;;
esac
"""

KUBECTL = """#!/bin/sh
exec {kubectl} --kubeconfig {kubeconfig} --namespace {namespace} "$@"
"""


def commands() -> str:
    """The block of the README."""
    section = (ROOT / "README.md").read_text().partition("\n## On Kubernetes\n")[2]
    found = re.search(r"```bash\n(.*?)```", section, flags=re.DOTALL)
    assert found
    return found[1]


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, cluster: Environment) -> Iterator[Path]:
    """A folder with the node's own kubectl; the images that the commands make are removed."""
    folder = tmp_path / "node"
    folder.mkdir()
    call(
        "docker",
        "cp",
        "--follow-link",
        f"{NODE}:/usr/bin/kubectl",
        folder / "kubectl",
    )
    yield tmp_path
    made = (
        f"{REGISTRY}/calrissian:{__version__}",
        f"{REGISTRY}/calrissian-dask-sidecar:{__version__}",
    )
    for image in (*made, example_image()):
        call("docker", "image", "rm", image)


def example_image() -> str:
    """The image that the example's tool names."""
    found = re.search(r"dockerPull: (\S+)", (ROOT / "examples/kubernetes/sum.cwl").read_text())
    assert found
    return found[1]


def test_the_readmes_commands(
    make_namespace: NamespaceMaker, cluster: Environment, programs: Path
) -> None:
    ns = make_namespace("-empty-")
    ns.api.delete("Secret", "dask-gateway", ns.name)  # the README makes it
    docker = shutil.which("docker")
    folder = programs / "bin"
    folder.mkdir()
    program(
        folder / "docker",
        DOCKER.format(docker=docker, base=base_image(), kind=kind.kind_program(), name=NAME),
    )
    kubectl = programs / "node" / "kubectl"
    program(
        folder / "kubectl",
        KUBECTL.format(kubectl=kubectl, kubeconfig=cluster.kubeconfig, namespace=ns.name),
    )
    call("docker", "tag", TOOL, example_image())
    load([example_image()])
    environment = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "REGISTRY": REGISTRY,
        "GATEWAY_URL": URL,
        "GATEWAY_PASSWORD": PASSWORD,
        "DOCKER_BUILDKIT": "1" if buildkit() else "0",
    }
    with shared_folder(ns, "calrissian"):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands()],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            timeout=600,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        assert "Dask cluster" in done.stdout
        assert "2 workers (1 core, 512M each)" in done.stdout
        assert "Final process status is success" in done.stdout
        assert '"basename": "sum.txt"' in done.stdout
    (made,) = ns.clusters()
    assert made.status in ("STOPPING", "STOPPED")
    assert ns.alive() == []
