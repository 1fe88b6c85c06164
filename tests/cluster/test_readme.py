"""The README's section on Kubernetes, followed word by word in a namespace that has nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cluster import kind
from tests.cluster.calrissian.volumes import shared_folder
from tests.cluster.conftest import NamespaceMaker
from tests.cluster.engine import ROOT, call
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
def programs(tmp_path: Path, cluster: Environment) -> Path:
    """A folder with the node's own kubectl."""
    call("docker", "cp", f"{NODE}:/usr/bin/kubectl", tmp_path / "kubectl-of-the-node")
    return tmp_path


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
    kubectl = programs / "kubectl-of-the-node"
    program(
        folder / "kubectl",
        KUBECTL.format(kubectl=kubectl, kubeconfig=cluster.kubeconfig, namespace=ns.name),
    )
    public = re.search(r"dockerPull: (\S+)", (ROOT / "examples/kubernetes/sum.cwl").read_text())
    assert public
    call("docker", "tag", TOOL, public[1])
    load([public[1]])
    environment = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "REGISTRY": REGISTRY,
        "GATEWAY_URL": URL,
        "GATEWAY_PASSWORD": PASSWORD,
        "DOCKER_BUILDKIT": "0",
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
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Dask cluster" in done.stdout
        assert "2 workers (1 core, 512M each)" in done.stdout
        assert "Final process status is success" in done.stdout
        assert '"basename": "sum.txt"' in done.stdout
    (made,) = ns.clusters()
    assert made.status in ("STOPPING", "STOPPED")
    assert ns.alive() == []
