from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from calrissian_dask import __version__
from calrissian_dask.annotations import CLUSTER_LABEL, CONTAINER, GATEWAY_URL, REQUIREMENT, STATUS
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask.documents import dump_documents, load_documents
from calrissian_dask.errors import ConfigurationError, PodError, RequirementError
from calrissian_dask.mutation import is_mutated, mutate_pod
from calrissian_dask.settings import Settings, parse_settings

from tests.conftest import Golden
from tests.podspec.pods import URL, asking, environment_of, pod, settings, tool_of

PODS = Path(__file__).parent / "pods"

CASES = sorted(path.name for path in PODS.iterdir())


@pytest.mark.parametrize("case", CASES)
def test_golden_pod(case: str, golden: Golden) -> None:
    """Whole pods, in files; `pytest --update-golden` writes them anew for a look at the diff."""
    folder = PODS / case
    (before,) = load_documents((folder / "pod.yaml").read_text(), case)
    file = folder / "settings.yaml"
    given = (
        load_documents(file.read_text(), case)[0] if file.exists() else {"gateway": {"url": URL}}
    )
    after = dump_documents([mutate_pod(before, parse_settings(given))])
    golden.check(folder / "mutated.yaml", after.replace(__version__, "VERSION"))


def refusal(pod: Mapping[str, Any], with_settings: Settings | None = None) -> str:
    with pytest.raises(PodError) as caught:
        mutate_pod(pod, with_settings or settings())
    return str(caught.value)


def test_a_pod_that_does_not_ask_comes_out_equal() -> None:
    assert mutate_pod(pod(), settings()) == pod()


def test_an_annotation_is_what_asks_and_a_label_alone_does_not() -> None:
    labelled = pod()
    labelled["metadata"]["labels"] = {CLUSTER_LABEL: "true"}
    assert mutate_pod(labelled, settings()) == labelled


def test_the_sidecar_starts_before_there_is_anything_to_clean_up() -> None:
    mutated = mutate_pod(asking(initContainers=[{"name": "mkdir"}]), settings())
    names = [container["name"] for container in mutated["spec"]["initContainers"]]
    assert names == ["mkdir", SIDECAR, PROVISION]
    assert mutated["spec"]["initContainers"][1]["restartPolicy"] == "Always"
    assert "restartPolicy" not in mutated["spec"]["initContainers"][2]


def test_mutating_twice_is_mutating_once() -> None:
    once = mutate_pod(asking(), settings())
    assert is_mutated(once)
    assert mutate_pod(once, settings()) == once
    assert mutate_pod(once, settings(url="http://other.example")) == once


def test_the_label_and_the_status_say_what_was_done() -> None:
    metadata = mutate_pod(asking(), settings())["metadata"]
    assert metadata["labels"] == {CLUSTER_LABEL: "true"}
    assert json.loads(metadata["annotations"][STATUS]) == {
        "contract": 1,
        "initContainers": [SIDECAR, PROVISION],
        "tool": "tool",
        "version": __version__,
    }


def test_a_status_without_the_containers_is_refused() -> None:
    forged = asking()
    forged["metadata"]["annotations"][STATUS] = "{}"
    assert "only calrissian-dask writes it" in refusal(forged)


def test_a_sidecar_that_lost_its_restart_policy_is_refused() -> None:
    """An admission webhook built for Kubernetes before 1.28 drops the field; the pod would hang."""
    mutated = mutate_pod(asking(), settings())
    del mutated["spec"]["initContainers"][0]["restartPolicy"]
    assert "would hang in Init" in refusal(mutated)


@pytest.mark.parametrize("name", [SIDECAR, PROVISION])
@pytest.mark.parametrize("field", ["containers", "initContainers"])
def test_a_container_with_one_of_our_names_is_never_overwritten(field: str, name: str) -> None:
    spec = asking()["spec"]
    taken = asking(**{field: [*spec.get(field, []), {"name": name, "image": "x"}]})
    assert f"a container named '{name}' is there already" in refusal(taken)


@pytest.mark.parametrize("name", ["dask-state", "dask-no-token"])
def test_a_volume_with_one_of_our_names_is_never_overwritten(name: str) -> None:
    assert f"a volume named '{name}'" in refusal(asking(volumes=[{"name": name, "emptyDir": {}}]))


@pytest.mark.parametrize("path", ["/run/calrissian-dask", "/run/calrissian-dask/"])
def test_a_taken_mount_path_is_never_overwritten(path: str) -> None:
    taken = asking()
    tool_of(taken)["volumeMounts"] = [{"name": "own", "mountPath": path}]
    assert "mounts 'own' at /run/calrissian-dask" in refusal(taken)


@pytest.mark.parametrize("port", [28786, 28787])
def test_a_taken_port_is_refused(port: int) -> None:
    taken = asking()
    tool_of(taken)["ports"] = [{"containerPort": port}]
    assert f"has port {port}" in refusal(taken)


def test_another_port_is_the_containers_own_business() -> None:
    fine = asking()
    tool_of(fine)["ports"] = [{"containerPort": 8786}]
    mutate_pod(fine, settings())


@pytest.mark.parametrize("field", ["hostNetwork", "hostPID", "shareProcessNamespace"])
def test_a_pod_that_shares_what_must_be_its_own_is_refused(field: str) -> None:
    """hostNetwork: a tool silently computed on its neighbour's cluster."""
    assert f"spec.{field} is true" in refusal(asking(**{field: True}))
    mutate_pod(asking(**{field: False}), settings())


def test_a_variable_with_another_value_is_refused_and_with_the_same_is_fine() -> None:
    name, value = "DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:28786"
    taken = asking()
    tool_of(taken)["env"] = [{"name": name, "value": "tcp://elsewhere:8786"}]
    assert f"sets {name} to 'tcp://elsewhere:8786'" in refusal(taken)
    tool_of(taken)["env"] = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    ]
    assert f"sets {name} to 'a reference'" in refusal(taken)
    tool_of(taken)["env"] = [{"name": name, "value": value}]
    mutated = mutate_pod(taken, settings())
    assert [e for e in tool_of(mutated)["env"] if e["name"] == name] == [
        {"name": name, "value": value}
    ]


def two_containers() -> list[dict[str, Any]]:
    mesh = {"name": "mesh", "image": "registry.example/mesh:1"}
    return [mesh, *pod()["spec"]["containers"]]


def test_of_several_containers_the_annotation_names_the_tool() -> None:
    several = asking(containers=two_containers())
    assert "name the tool's in the annotation" in refusal(several)
    several["metadata"]["annotations"][CONTAINER] = "tool"
    mesh, tool = mutate_pod(several, settings())["spec"]["containers"]
    assert mesh == {"name": "mesh", "image": "registry.example/mesh:1"}
    assert "DASK_SCHEDULER_ADDRESS" in environment_of(tool)


def test_an_annotation_that_names_no_container_is_refused() -> None:
    several = asking()
    several["metadata"]["annotations"][CONTAINER] = "other"
    assert "the pod's containers are 'tool'" in refusal(several)


def test_a_pod_without_containers_or_image_is_refused() -> None:
    assert "the pod's containers are none" in refusal(asking(containers=[]))
    assert "has no image" in refusal(asking(containers=[{"name": "tool"}]))


def test_null_lists_are_empty_lists() -> None:
    nulls = asking(initContainers=None, volumes=None)
    nulls["metadata"]["labels"] = None
    tool_of(nulls).update(env=None, volumeMounts=None, ports=None)
    mutated = mutate_pod(nulls, settings())
    assert len(mutated["spec"]["initContainers"]) == 2
    assert len(tool_of(mutated)["volumeMounts"]) == 1


def test_unknown_future_fields_are_kept() -> None:
    future = asking(futureField={"a": [1]})
    future["futureTop"] = 1
    tool_of(future)["futureContainerField"] = {"b": None}
    mutated = mutate_pod(future, settings())
    assert mutated["futureTop"] == 1
    assert mutated["spec"]["futureField"] == {"a": [1]}
    assert tool_of(mutated)["futureContainerField"] == {"b": None}


def test_a_list_that_two_containers_share_grows_for_none_of_them() -> None:
    """Stock Calrissian mounts one list in its mkdir container and in the tool; deepcopy keeps that."""
    shared = [{"name": "pvc", "mountPath": "/out"}]
    aliased = asking(initContainers=[{"name": "mkdir", "volumeMounts": shared}])
    tool_of(aliased)["volumeMounts"] = shared
    mutated = mutate_pod(copy.deepcopy(aliased), settings())
    mounted = mutated["spec"]["initContainers"][0]["volumeMounts"]
    assert [mount["name"] for mount in mounted] == ["pvc"]
    assert len(shared) == 1


@pytest.mark.parametrize(
    ("own", "least", "result"), [(None, 30, 30), (5, 30, 30), (90, 30, 90), (5, 60, 60)]
)
def test_the_grace_period_is_long_enough_for_the_stop(
    own: int | None, least: int, result: int
) -> None:
    given = parse_settings({"gateway": {"url": URL}, "terminationGracePeriodSeconds": least})
    asked = asking() if own is None else asking(terminationGracePeriodSeconds=own)
    mutated = mutate_pod(asked, given)
    assert mutated["spec"]["terminationGracePeriodSeconds"] == result
    for container in mutated["spec"]["initContainers"]:
        assert environment_of(container)["CALRISSIAN_DASK_STOP_TIMEOUT"] == str(result - 3)


def test_the_pods_annotation_is_the_gateway_before_the_settings() -> None:
    asked = asking()
    asked["metadata"]["annotations"][GATEWAY_URL] = "https://other.example"
    mutated = mutate_pod(asked, settings())
    for container in mutated["spec"]["initContainers"]:
        assert environment_of(container)["CALRISSIAN_DASK_GATEWAY_URL"] == "https://other.example"


def test_a_pod_that_asks_without_any_gateway_is_the_operators_error() -> None:
    with pytest.raises(ConfigurationError, match=r"give --dask-gateway-url, or set gateway\.url"):
        mutate_pod(asking(), Settings())


@pytest.mark.parametrize("text", ["", "not json", "[]", "1", None, "$(rm -rf /)"])
def test_a_malformed_requirement_is_refused_with_its_text(text: Any) -> None:
    broken = asking()
    broken["metadata"]["annotations"][REQUIREMENT] = text
    if text is None:
        assert mutate_pod(broken, settings()) == broken
    else:
        assert "write a JSON object" in refusal(broken)


@pytest.mark.parametrize("url", ["", "gateway", "http://", "http://a b", "http://x\n", 5])
def test_a_malformed_gateway_url_is_refused(url: Any) -> None:
    broken = asking()
    broken["metadata"]["annotations"][GATEWAY_URL] = url
    assert "write http(s)://host" in refusal(broken)


def test_a_bad_requirement_is_the_authors_error_with_its_annotation() -> None:
    with pytest.raises(
        RequirementError, match=r"metadata\.annotations.*workerCores: 0 is not above"
    ):
        mutate_pod(asking({"workerCores": 0}), settings())


def test_image_pull_secrets_are_never_written() -> None:
    """A pod's own list would replace that of its service account."""
    assert "imagePullSecrets" not in mutate_pod(asking(), settings())["spec"]


def test_the_tools_resources_and_pod_security_stay() -> None:
    asked = asking(securityContext={"runAsUser": 1000})
    tool_of(asked)["resources"] = {"requests": {"cpu": "1", "memory": "1Mi"}}
    mutated = mutate_pod(asked, settings())
    assert tool_of(mutated)["resources"] == {"requests": {"cpu": "1", "memory": "1Mi"}}
    assert mutated["spec"]["securityContext"] == {"runAsUser": 1000}
