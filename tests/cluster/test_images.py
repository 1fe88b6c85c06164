"""The images by themselves: read-only, without capabilities, for any uid."""

from __future__ import annotations

import json
from shlex import quote

import pytest
from calrissian_dask import __version__
from calrissian_dask.settings import Settings

from tests.cluster.engine import CommandFailedError, call
from tests.cluster.environment import Environment
from tests.cluster.images import CALRISSIAN, SIDECAR, SIDECAR_AUTH
from tests.cluster.namespaces import Namespace
from tests.cluster.step_pods import StepPod
from tests.cluster.steps import SECRET, settings, step
from tests.cluster.tools import COMPUTE, python

HARDENED = ("--rm", "--read-only", "--cap-drop=ALL", "--user=12345:12345", "--network=none")

SIDECARS = pytest.mark.parametrize("image", [SIDECAR, SIDECAR_AUTH])

UNCOMPILED = """
import sys, os
sys.path.insert(0, "/opt/calrissian-dask")
import calrissian_dask_sidecar.provision, calrissian_dask_sidecar.sidecar
cached = [m.__cached__ for m in sys.modules.values() if getattr(m, "__cached__", None)]
print(len(cached) > 50, [path for path in cached if not os.path.exists(path)])
"""


def run(image: str, *words: str, entrypoint: str | None = None) -> str:
    options = [f"--entrypoint={entrypoint}"] if entrypoint else []
    return call("docker", "run", *HARDENED, *options, image, *words)


def files(image: str) -> set[str]:
    """The absolute path of everything in an image."""
    script = f"id=$(docker create {image} any) && docker export $id | tar -t && docker rm $id >&2"
    return {f"/{line}" for line in call("bash", "-o", "pipefail", "-c", script).splitlines()}


@SIDECARS
def test_sidecar_starts_as_anybody(cluster: Environment, image: str) -> None:
    assert run(image, "--version") == f"{__version__}\n"
    with pytest.raises(CommandFailedError, match="exit 2") as refused:
        run(image, "provision")
    assert "CALRISSIAN_DASK_CONTRACT is None" in str(refused.value)


@SIDECARS
def test_sidecar_image_holds_nothing_to_work_with(cluster: Environment, image: str) -> None:
    """No shell and no package manager: the interpreter, our script, and `env` for the pod's command."""
    present = files(image)
    programs = {path.rpartition("/")[2] for path in present if "bin/" in path} - {""}
    assert {p for p in programs if not p.startswith("python3.")} == {
        "calrissian-dask-sidecar",
        "env",
    }
    packages = {path.split("/")[3] for path in present if path.startswith("/opt/calrissian-dask/")}
    assert "calrissian_dask_sidecar" in packages
    assert "calrissian_dask" not in packages
    assert ("dask_gateway" in packages) == (image == SIDECAR_AUTH)
    if image == SIDECAR:
        assert packages == {"", "calrissian_dask_sidecar"}


def test_sidecar_image_is_compiled(cluster: Environment) -> None:
    """A read-only root keeps no byte code: without it each start would take a multiple of the time."""
    (interpreter,) = [path for path in files(SIDECAR) if "/bin/python3." in path]
    assert run(SIDECAR, "-IS", "-c", UNCOMPILED, entrypoint=interpreter) == "True []\n"


def test_sidecar_image_has_the_default_user(cluster: Environment) -> None:
    (described,) = json.loads(call("docker", "image", "inspect", SIDECAR))
    security = Settings().security
    assert described["Config"]["User"] == f"{security.run_as_user}:{security.run_as_group}"


def test_sidecar_image_is_small(cluster: Environment) -> None:
    """Every node pulls it before its first step: half of the smallest official Python image."""
    assert cluster.sizes[SIDECAR] < 60e6


def test_sidecar_auth_asks_by_a_class_of_the_library(ns: Namespace) -> None:
    """Any class of dask_gateway's kind, with the Secret filled in; the library needs more memory."""
    repository, _, tag = SIDECAR_AUTH.partition(":")
    password = "{CALRISSIAN_DASK_SECRET}"
    auth = {
        "type": "dask_gateway.auth.BasicAuth",
        "kwargs": {"username": ns.user, "password": password},
        "existingSecret": SECRET,
    }
    limits = {
        "requests": {"cpu": "50m", "memory": "32Mi"},
        "limits": {"cpu": "1", "memory": "192Mi"},
    }
    given = settings(
        gateway={"auth": auth},
        image={"repository": repository, "tag": tag, "pullPolicy": "Never"},
        resources={"provision": limits, "sidecar": limits},
    )
    pod = ns.run(step(python(COMPUTE)), given)
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log() == "sum 42\n"
    pod.assert_released()


def test_calrissian_image(cluster: Environment) -> None:
    assert run(CALRISSIAN, "calrissian-dask", "--version") == f"{__version__}\n"
    assert run(CALRISSIAN, "node", "--version").startswith("v")
    assert "--max-ram" in run(CALRISSIAN, "calrissian", "--help")
    assert run(CALRISSIAN, "python3", "-c", "import os; print(os.environ['HOME'])") == "/tmp\n"
    (described,) = json.loads(call("docker", "image", "inspect", CALRISSIAN))
    assert described["Config"]["Cmd"] == ["calrissian"]
    with pytest.raises(CommandFailedError, match="--conf CONF"):
        run(CALRISSIAN)  # Calrissian itself says what it wants; the end of its help is seen


EXPRESSION = """
cwlVersion: v1.2
class: ExpressionTool
requirements: {InlineJavascriptRequirement: {}}
inputs: {n: int}
outputs: {twice: int}
expression: "${ return {twice: [inputs.n, inputs.n].reduce(function(a, b) { return a + b; })}; }"
"""


@pytest.fixture
def documents() -> dict[str, str]:
    """A CWL document with a JavaScript expression, and its job."""
    return {"twice.cwl": EXPRESSION, "job.yml": "n: 21"}


def test_javascript_by_docker_run(cluster: Environment, documents: dict[str, str]) -> None:
    """By cwltool, on which Calrissian rests: that itself ends by asking Kubernetes."""
    script = "; ".join(f"printf '%s' {quote(text)} > /tmp/{n}" for n, text in documents.items())
    said = run(
        CALRISSIAN, "sh", "-c", f"{script}; cwltool --outdir /tmp/out /tmp/twice.cwl /tmp/job.yml"
    )
    assert json.loads(said) == {"twice": 42}


def test_javascript_in_the_cluster(ns: Namespace, documents: dict[str, str]) -> None:
    """By `calrissian`, as any uid on a read-only root, with nothing mounted but the documents."""
    ns.api.create("ConfigMap", {"metadata": {"name": "cwl"}, "data": documents}, ns.name)
    words = "calrissian --max-ram 1G --max-cores 1 --outdir /tmp/out /cwl/twice.cwl /cwl/job.yml"
    container = {
        "name": "main",
        "image": CALRISSIAN,
        "imagePullPolicy": "Never",
        "args": words.split(),
        "volumeMounts": [{"name": "cwl", "mountPath": "/cwl"}],
        "securityContext": {
            "runAsUser": 12345,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    volumes = [{"name": "cwl", "configMap": {"name": "cwl"}}]
    spec = {"containers": [container], "volumes": volumes, "restartPolicy": "Never"}
    pod: StepPod = ns.create({"metadata": {"name": "calrissian"}, "spec": spec})
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert '"twice": 42' in pod.log()
