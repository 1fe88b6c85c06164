"""The sections of the operator's settings: what can be set, its default, and the default's reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from calrissian_dask_sidecar.contract import API_PORT, SCHEDULER_PORT, TAG_AUTO
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.alias_generators import to_camel

from calrissian_dask import __version__
from calrissian_dask.setting_types import HostPort, Port, Seconds, Text, Url, UserId, is_section

UID = 47315
"""Of our two containers. Not 65532, distroless' nonroot: in a shared PID namespace a tool with our
uid and gid could read the password from /proc."""


class Section(BaseModel):
    """What all sections have in common."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_sections_are_defaults(cls, given: Any) -> Any:
        """`gateway:` with every key commented out is null in YAML."""
        if not isinstance(given, Mapping):
            return given
        sections = {to_camel(name) for name, info in cls.model_fields.items() if is_section(info)}
        return {k: v for k, v in given.items() if v is not None or k not in sections}


class Auth(Section):
    """How our containers authenticate at the gateway; the tool never gets any of it."""

    type: str = Field(
        "basic",
        pattern=r"^(none|basic|jupyterhub|kerberos|[A-Za-z_]\w*(\.[A-Za-z_]\w*)+)$",
        description="none, basic, jupyterhub, kerberos, or the dotted name of a dask_gateway auth"
        " class (the last two need the image with the extra `auth`)",
    )
    username: str | None = Field(
        None, description="for basic; default: calrissian-<the pod's namespace>"
    )
    existing_secret: str | None = Field(
        None, description="Secret with the password (basic) or token (jupyterhub)"
    )
    secret_key: str = Field("password", description="the key in that Secret")
    kwargs: dict[str, str] = Field(
        {},
        description="keyword arguments of a dotted class; {CALRISSIAN_DASK_SECRET} is the Secret",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.type == "jupyterhub" and not self.existing_secret:
            raise ValueError("type jupyterhub needs existingSecret, a Secret with the token")
        if self.type == "none" and self.existing_secret:
            raise ValueError("type none sends no secret: remove existingSecret, or set type basic")
        if self.kwargs and "." not in self.type:
            raise ValueError("kwargs are for a dotted class only: remove them, or set type")
        return self


class Options(Section):
    """What the gateway calls its options; null is for one that is not to be sent."""

    image: str | None = Field("image", description="the tool's image, for scheduler and workers")
    worker_cores: str | None = Field("worker_cores", description="cores of a worker")
    worker_cores_limit: str | None = Field(
        "worker_cores_limit", description="core limit of a worker"
    )
    worker_memory: str | None = Field(
        "worker_memory", description="memory of a worker: a String, or a number of GiB"
    )
    tag: str | None = Field(
        TAG_AUTO,
        description="a Mapping or String that takes the pod's namespace/name/uid; auto: the"
        " Mapping `environment` where there is one",
    )


class Gateway(Section):
    """The Dask Gateway, and how it is asked."""

    url: Url | None = Field(
        None,
        description="base URL; --dask-gateway-url and the pod's annotation take precedence",
    )
    proxy_address: HostPort | None = Field(
        None,
        description="host:port where schedulers are served; default: the URL's host and port",
    )
    public_url: Url | None = Field(
        None, description="the gateway for a browser, in dashboard links"
    )
    auth: Auth = Auth()
    options: Options = Options()
    extra_options: dict[str, JsonValue] = Field(
        {}, description="further options, sent as they are, such as idle_timeout"
    )
    scaling: Literal["fixed", "adaptive"] = Field(
        "fixed", description="all workers at once, or from 1 to all as the load asks"
    )
    provision_timeout: Seconds = Field(
        600, description="seconds until the step fails because its cluster is not ready"
    )


class Image(Section):
    """The image of our two containers."""

    repository: str = Field(
        "ghcr.io/calrissian-cwl/calrissian-dask-sidecar", min_length=1, description="without a tag"
    )
    tag: Text = Field(__version__, description="default: this version")
    digest: str | None = Field(
        None, pattern=r"^sha256:[0-9a-f]{64}$", description="pins the image; the tag is ignored"
    )
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="imagePullPolicy"
    )

    @property
    def reference(self) -> str:
        """What Kubernetes pulls."""
        return (
            f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"
        )


class Ports(Section):
    """Loopback ports in the pod; Dask's own, 8786 and 8787, are left to the tool."""

    scheduler: Port = Field(SCHEDULER_PORT, description="DASK_SCHEDULER_ADDRESS")
    api: Port = Field(API_PORT, description="DASK_GATEWAY__ADDRESS")

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.scheduler == self.api:
            raise ValueError(f"scheduler and api are both {self.api}: set two different ports")
        return self


class Resources(Section):
    """Requests and limits of one container; a ResourceQuota demands both."""

    requests: dict[str, Text] = Field(description="cpu, memory")
    limits: dict[str, Text] = Field(description="cpu, memory")


SIDECAR_RESOURCES = Resources(
    requests={"cpu": "50m", "memory": "32Mi"}, limits={"cpu": "500m", "memory": "128Mi"}
)
"""Idle 14 MB, with 40 busy clients 90 MB on asyncio (a tenth of that here): at 32Mi it was OOM-killed
once, and took the tool's work along. Below 100m of CPU Python needs seconds to boot."""

PROVISION_RESOURCES = Resources(
    requests={"cpu": "50m", "memory": "32Mi"}, limits={"cpu": "500m", "memory": "64Mi"}
)
"""9 MB; with dask_gateway loaded for an own auth class 46 MB."""


class Containers(Section):
    """The resources of our two containers."""

    sidecar: Resources = Field(SIDECAR_RESOURCES, description="the native sidecar")
    provision: Resources = Field(PROVISION_RESOURCES, description="the init container")


class Security(Section):
    """Who our two containers are."""

    run_as_user: UserId = Field(UID, description="uid; not the tool's")
    run_as_group: UserId = Field(UID, description="gid; not the tool's")
