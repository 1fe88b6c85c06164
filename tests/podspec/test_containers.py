from __future__ import annotations

from typing import Any

import pytest
from calrissian_dask.mutation import mutate_pod
from calrissian_dask.settings import parse_settings
from calrissian_dask_sidecar import contract
from calrissian_dask_sidecar.program_settings import read

from tests.podspec.pods import URL, asking, environment_of, settings, tool_of


def ours(**gateway: Any) -> list[dict[str, Any]]:
    containers = mutate_pod(asking(), settings(**gateway))["spec"]["initContainers"]
    assert isinstance(containers, list)
    return containers


def test_both_have_requests_and_limits() -> None:
    """A ResourceQuota on limits demands both of every container."""
    for container in ours():
        assert set(container["resources"]) == {"requests", "limits"}
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_both_are_admitted_by_pod_security_restricted() -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
    for container in ours():
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == context["runAsGroup"] == 47315
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_neither_has_probes_or_hooks() -> None:
    """kubernetes#132826, #137146, #141766; and preStop runs while the tool still works."""
    for container in ours():
        assert not {"livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} & set(container)


def test_neither_has_the_service_accounts_token() -> None:
    for container in ours():
        (mount,) = [m for m in container["volumeMounts"] if m["name"] == "dask-no-token"]
        assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"


def test_sigterm_is_blocked_until_the_program_has_a_handler() -> None:
    for container, program in zip(ours(), ["sidecar", "provision"], strict=True):
        command = container["command"]
        assert command == ["env", "--block-signal=TERM", "calrissian-dask-sidecar", program]
        assert "args" not in container


def test_the_password_is_a_reference_and_only_in_our_two() -> None:
    mutated = mutate_pod(asking(), settings(auth={"existingSecret": "gw", "secretKey": "pw"}))
    for container in mutated["spec"]["initContainers"]:
        entry = container["env"][-1]
        assert entry["valueFrom"] == {"secretKeyRef": {"name": "gw", "key": "pw"}}
        assert entry["name"] == contract.SECRET_ENV
    assert "gw" not in str(tool_of(mutated))


def test_the_user_is_the_namespaces_own_unless_it_is_set() -> None:
    """The reaper tells by it whose clusters it may stop."""
    assert environment_of(ours()[0])["CALRISSIAN_DASK_USERNAME"] == (
        "calrissian-$(CALRISSIAN_DASK_POD_NAMESPACE)"
    )
    named = ours(auth={"username": "eo$(x)"})[0]
    assert environment_of(named)["CALRISSIAN_DASK_USERNAME"] == "eo$$(x)"
    assert "CALRISSIAN_DASK_USERNAME" not in environment_of(ours(auth={"type": "none"})[0])


def test_what_kubernetes_fills_stands_before_where_it_is_used() -> None:
    names = [entry["name"] for entry in ours()[0]["env"]]
    assert names[:3] == [
        "CALRISSIAN_DASK_POD_NAMESPACE",
        "CALRISSIAN_DASK_POD_NAME",
        "CALRISSIAN_DASK_POD_UID",
    ]


def filled(container: dict[str, Any]) -> dict[str, str]:
    """The environment as the container sees it, with $(NAME) filled and $$ unescaped."""
    pod = {"NAMESPACE": "eo", "NAME": "step", "UID": "u-1"}
    environment = {}
    for name, value in environment_of(container).items():
        if isinstance(value, str):
            seen = value
            for key, text in pod.items():
                seen = seen.replace(f"$(CALRISSIAN_DASK_POD_{key})", text)
            environment[name] = seen.replace("$$(", "$(")
    return environment


def test_the_programs_read_what_was_written_for_them() -> None:
    containers = ours(
        proxyAddress="proxy.example:8786",
        publicUrl="https://dask.example/",
        options={"image": None, "tag": "labels"},
        extraOptions={"idle_timeout": 3600, "profile": "$(large)"},
        scaling="adaptive",
        provisionTimeout=90,
    )
    for container in containers:
        read_back = read(filled(container))
        assert read_back.gateway_url == URL
        assert read_back.proxy_address == "proxy.example:8786"
        assert read_back.option_image is None
        assert read_back.option_tag == "labels"
        assert read_back.extra_options == {"idle_timeout": 3600, "profile": "$(large)"}
        assert read_back.scaling == "adaptive"
        assert read_back.provision_timeout == 90
        assert read_back.image == "registry.example/tool:1"
        assert read_back.workers == 5
        assert read_back.owner == "eo/step/u-1"
        assert read_back.username == "calrissian-eo"


@pytest.mark.parametrize("program", [0, 1])
def test_operators_choose_image_ports_ids_and_resources(program: int) -> None:
    small = {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "2m", "memory": "2Mi"}}
    given = parse_settings(
        {
            "gateway": {"url": URL},
            "image": {"repository": "r.example/s", "tag": "7", "pullPolicy": "Always"},
            "ports": {"scheduler": 9001, "api": 9002},
            "security": {"runAsUser": 7, "runAsGroup": 8},
            "resources": {"sidecar": small, "provision": small},
        }
    )
    container = mutate_pod(asking(), given)["spec"]["initContainers"][program]
    assert (container["image"], container["imagePullPolicy"]) == ("r.example/s:7", "Always")
    assert environment_of(container)["CALRISSIAN_DASK_SCHEDULER_PORT"] == "9001"
    assert environment_of(container)["CALRISSIAN_DASK_API_PORT"] == "9002"
    assert container["securityContext"]["runAsGroup"] == 8
    assert container["resources"] == small
