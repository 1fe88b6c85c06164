"""The two containers that a step's pod gets, and the volume that they share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from calrissian_dask_sidecar import contract
from calrissian_dask_sidecar.program_settings import ProgramSettings, write

from calrissian_dask.annotations import Ask
from calrissian_dask.setting_sections import Resources
from calrissian_dask.settings import Settings
from calrissian_dask.tell import tell

SIDECAR = "dask-sidecar"
PROVISION = "dask-provision"
VOLUME = "dask-state"

TOKEN_VOLUME = "dask-no-token"
"""Mounted where the service account's token would be: ours need no Kubernetes API."""

TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""The ServiceAccount admission plugin adds no token to a container that mounts something there."""

STATE_SIZE = "1Mi"
"""Of the volume; its files have a few KiB, mostly the cluster's certificate and key."""

STOP_MARGIN = 3
"""Seconds of the grace period that are not used for trying: to write the message and to exit."""

NAMESPACE_ENV = contract.ENV_PREFIX + "POD_NAMESPACE"
NAME_ENV = contract.ENV_PREFIX + "POD_NAME"
UID_ENV = contract.ENV_PREFIX + "POD_UID"

FROM_POD = {
    NAMESPACE_ENV: "metadata.namespace",
    NAME_ENV: "metadata.name",
    UID_ENV: "metadata.uid",
}
"""Known only when the pod runs; Kubernetes fills $(NAME) in the variables after these."""

OWNER = f"$({NAMESPACE_ENV})/$({NAME_ENV})/$({UID_ENV})"

DEFAULT_USER = f"calrissian-$({NAMESPACE_ENV})"
"""One gateway user per namespace: a reaper tells by it whose clusters it may stop."""

COMMAND = ("env", "--block-signal=TERM", "calrissian-dask-sidecar")
"""PID 1 without a handler loses SIGTERM; blocked, it waits until the program has one."""


@dataclass(frozen=True)
class Request:
    """All that our containers are made from."""

    settings: Settings
    ask: Ask
    tool_image: str
    grace: int


def volumes() -> list[dict[str, Any]]:
    """The volumes of the pod; each has a mount in our containers."""
    return [
        {"name": VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": STATE_SIZE}},
        {"name": TOKEN_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": STATE_SIZE}},
    ]


def sidecar_container(request: Request) -> dict[str, Any]:
    """The native sidecar: an init container that is restarted for as long as the pod lives.

    No probes (kubernetes#132826, #137146, #141766), and no preStop: that runs at the start of
    termination, while the tool still works.
    """
    container = _container(SIDECAR, "sidecar", request, request.settings.resources.sidecar)
    return {**container, "restartPolicy": "Always"}


def provision_container(request: Request) -> dict[str, Any]:
    """The init container that makes the cluster."""
    return _container(PROVISION, "provision", request, request.settings.resources.provision)


def program_settings(request: Request) -> ProgramSettings:
    """What the programs in these containers are told."""
    told = tell(
        request.settings, request.ask.requirement, request.ask.gateway_url, request.tool_image
    )
    return replace(
        told,
        owner=OWNER,
        stop_timeout=request.grace - STOP_MARGIN,
        scheduler_port=request.settings.ports.scheduler,
        api_port=request.settings.ports.api,
    )


def _container(name: str, program: str, request: Request, resources: Resources) -> dict[str, Any]:
    settings = request.settings
    return {
        "name": name,
        "image": settings.image.reference,
        "imagePullPolicy": settings.image.pull_policy,
        "command": [*COMMAND, program],
        "env": _environment(request),
        "resources": {"requests": dict(resources.requests), "limits": dict(resources.limits)},
        "securityContext": {
            "runAsUser": settings.security.run_as_user,
            "runAsGroup": settings.security.run_as_group,
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": VOLUME, "mountPath": contract.STATE_MOUNT},
            {"name": TOKEN_VOLUME, "mountPath": TOKEN_MOUNT, "readOnly": True},
        ],
    }


def _environment(request: Request) -> list[dict[str, Any]]:
    environment: list[dict[str, Any]] = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in FROM_POD.items()
    ]
    variables = {name: _literal(value) for name, value in write(program_settings(request)).items()}
    variables[contract.ENV_PREFIX + "OWNER"] = OWNER
    auth = request.settings.gateway.auth
    if auth.username is None and auth.type == "basic":
        variables[contract.ENV_PREFIX + "USERNAME"] = DEFAULT_USER
    environment += [{"name": name, "value": value} for name, value in variables.items()]
    if auth.existing_secret:
        reference = {"name": auth.existing_secret, "key": auth.secret_key}
        environment.append({"name": contract.SECRET_ENV, "valueFrom": {"secretKeyRef": reference}})
    return environment


def _literal(value: str) -> str:
    """Text that Kubernetes leaves as it is, although it fills $(NAME)."""
    return value.replace("$(", "$$(")
