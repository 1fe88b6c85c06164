"""The pods of stock Calrissian, as live objects: with the lists that it shares between containers.

Runs in .venv-calrissian. The same pods stand as files in tests/podspec/pods, where their golden
results are; here the live objects must give those results too.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from calrissian_dask import __version__
from calrissian_dask.annotations import CONTAINER, annotate
from calrissian_dask.documents import dump_documents
from calrissian_dask.mutation import mutate_pod

from tests.conftest import Golden
from tests.podspec.pods import REQUIREMENT, settings

job = pytest.importorskip("calrissian.job", reason="stock Calrissian is in .venv-calrissian only")
KubernetesClient = job.KubernetesClient

PODS = Path(__file__).parent.parent / "podspec" / "pods"

CUDA = [
    {
        "class": "cwltool:CUDARequirement",
        "cudaDeviceCountMin": 1,
        "cudaDeviceCountMax": 2,
    }
]


def build(stdout: str | None, requirements: list[dict[str, Any]]) -> dict[str, Any]:
    """A pod as Calrissian 0.18.1 builds it for a step."""
    mounts = [
        {"name": "calrissian-claim", "mountPath": "/out", "subPath": "tmp1", "readOnly": False},
        {"name": "tmpdir", "mountPath": "/tmp"},
    ]
    volumes = [
        {"name": "calrissian-claim", "persistentVolumeClaim": {"claimName": "calrissian-claim"}},
        {"name": "tmpdir", "emptyDir": {}},
    ]
    builder = job.KubernetesPodBuilder(
        "step",
        "registry.example/tool:1",
        {"HOME": "/out", "TMPDIR": "/tmp"},
        mounts,
        volumes,
        ["python", "run.py", "'a b'"],
        stdout,
        None,
        None,
        {"cores": 1, "ram": 1024, "tmpdirSize": 1024, "outdirSize": 1024},
        {"app": "eo"},
        {},
        {"runAsUser": 1000, "runAsGroup": 1000},
        None,
        requirements,
        [],
    )
    pod = builder.build()
    pod["metadata"]["name"] = "step-pod"  # stock appends random letters
    assert isinstance(pod, dict)
    return pod


CASES = {
    "calrissian-plain": (None, []),
    "calrissian-stdout": ("out.txt", []),
    "calrissian-stdout-in-a-folder": ("logs/out.txt", []),
    "calrissian-cuda": (None, CUDA),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_live_pod_of_stock_calrissian(case: str, golden: Golden) -> None:
    pod = annotate(build(*CASES[case]), REQUIREMENT, None)
    folder = PODS / case
    if golden.update:
        folder.mkdir(exist_ok=True)
    golden.check(folder / "pod.yaml", dump_documents([json.loads(json.dumps(pod))]))
    mutated = dump_documents([mutate_pod(pod, settings())]).replace(__version__, "VERSION")
    golden.check(folder / "mutated.yaml", mutated)


def test_the_shared_list_of_mounts_grows_for_neither_container() -> None:
    pod = build("logs/out.txt", [])
    (mkdir,), (tool,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
    assert mkdir["volumeMounts"] is tool["volumeMounts"]
    before = copy.deepcopy(pod)
    mutated = mutate_pod(annotate(pod, REQUIREMENT, None), settings())
    assert pod == before
    assert mutated["spec"]["initContainers"][0] == before["spec"]["initContainers"][0]
    assert len(mutated["spec"]["containers"][0]["volumeMounts"]) == 3


def test_a_mesh_before_the_tool() -> None:
    pod = annotate(build(None, []), REQUIREMENT, None)
    tool = pod["spec"]["containers"][0]["name"]
    pod["spec"]["containers"].insert(0, {"name": "mesh", "image": "registry.example/mesh:1"})
    pod["metadata"]["annotations"][CONTAINER] = tool
    mesh, connected = mutate_pod(pod, settings())["spec"]["containers"]
    assert mesh == {"name": "mesh", "image": "registry.example/mesh:1"}
    assert connected["name"] == tool


def test_what_calrissian_reads_of_its_pod_is_unchanged() -> None:
    """k8s.py reads the tool's resource requests and expects one regular container."""
    pod = build(None, [])
    mutated = mutate_pod(annotate(pod, REQUIREMENT, None), settings())
    (before,), (after,) = pod["spec"]["containers"], mutated["spec"]["containers"]
    assert after["resources"] == before["resources"]
    assert after["name"] == before["name"]


def test_t08_the_stock_client_finds_one_container_in_the_native_pod() -> None:
    """Kubernetes tells of a native sidecar among initContainerStatuses: for it this is the list."""
    pod = mutate_pod(annotate(build(None, []), REQUIREMENT, None), settings())
    (tool,) = build(None, [])["spec"]["containers"]
    found = KubernetesClient.get_first_or_none(pod["spec"]["containers"])
    assert found["name"] == tool["name"]
    assert found["resources"] == tool["resources"], "what its usage report reads"


def test_a_step_without_the_requirement_is_stocks_own() -> None:
    pod = build("logs/out.txt", CUDA)
    assert mutate_pod(pod, settings()) == pod
