"""What a pod says of itself: the annotations that ask for a cluster, and those that say what was done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calrissian_dask.errors import ConfigurationError, PodError
from calrissian_dask.requirement import DaskGatewayRequirement, parse
from calrissian_dask.setting_types import check_url
from calrissian_dask.settings import Settings

PREFIX = "dask.calrissian-cwl.github.io/"

REQUIREMENT = PREFIX + "requirement"
"""The extension's fields as a JSON object, evaluated. Written by the runner, or by a user."""

GATEWAY_URL = PREFIX + "gateway-url"
"""Overrides `gateway.url` of the settings."""

CONTAINER = PREFIX + "container"
"""Which container is the tool; needed only where the pod has several."""

STATUS = PREFIX + "status"
"""What was injected, as JSON; written by mutate_pod. A pod that has it is not mutated again."""

CLUSTER_LABEL = PREFIX + "cluster"
""""true" on every mutated pod: the reaper lists by it."""

Pod = Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """What a pod asks for."""

    requirement: DaskGatewayRequirement
    gateway_url: str
    container: str | None


def annotate(
    pod: Pod, requirement: Mapping[str, Any] | None, gateway_url: str | None
) -> dict[str, Any]:
    """The pod with the annotations that ask for a cluster; the input is untouched.

    Without a requirement the pod's own stands, and where there is none nothing is asked for.
    """
    metadata = pod.get("metadata") or {}
    annotations = dict(metadata.get("annotations") or {})
    if requirement is not None:
        annotations[REQUIREMENT] = json.dumps(dict(requirement), sort_keys=True)
    if gateway_url is not None and REQUIREMENT in annotations:
        annotations[GATEWAY_URL] = gateway_url
    if not annotations:
        return dict(pod)
    return {**pod, "metadata": {**metadata, "annotations": annotations}}


def annotations_of(pod: Pod) -> Mapping[str, Any]:
    """The annotations, {} where there are none."""
    return (pod.get("metadata") or {}).get("annotations") or {}


def read_ask(pod: Pod, settings: Settings) -> Ask | None:
    """What the pod asks for, or None where it asks for nothing.

    Raises PodError, RequirementError or ConfigurationError where it cannot be understood.
    """
    annotations = annotations_of(pod)
    text = annotations.get(REQUIREMENT)
    if text is None:
        return None
    place = f"metadata.annotations[{REQUIREMENT}]"
    try:
        fields = json.loads(text)
    except (ValueError, TypeError):
        fields = None
    if not isinstance(fields, dict):
        raise PodError(
            f'{place} is {text!r}: write a JSON object such as {{"workerCores": 1, ...}}'
        )
    return Ask(
        parse(fields, place), _gateway_url(annotations, settings), annotations.get(CONTAINER)
    )


def _gateway_url(annotations: Mapping[str, Any], settings: Settings) -> str:
    url = annotations.get(GATEWAY_URL)
    if url is None:
        if settings.gateway.url is None:
            raise ConfigurationError(
                "the pod asks for a Dask cluster and no gateway is known: give"
                " --dask-gateway-url, or set gateway.url"
            )
        return settings.gateway.url
    try:
        return check_url(url if isinstance(url, str) else "")
    except ValueError as error:
        raise PodError(f"metadata.annotations[{GATEWAY_URL}] is {url!r}: {error}") from None
