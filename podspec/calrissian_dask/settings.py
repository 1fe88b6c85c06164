"""The operator's settings: one schema for every command, file and ConfigMap.

Keys are camelCase, as in Kubernetes. Unknown keys are errors. The JSON schema is
`Settings.model_json_schema()`; the reference table is in README.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from pydantic.alias_generators import to_camel

from calrissian_dask.errors import ConfigurationError
from calrissian_dask.setting_sections import Containers, Gateway, Image, Ports, Section, Security
from calrissian_dask.setting_types import Seconds

GRACE = 30
"""Least grace period in seconds: Calrissian deletes the pod the moment the tool ends, and the stop,
with a second try beside a slow first, has to fit in."""


SCHEDULING = 1800
"""Seconds. A pod without a node costs nothing, and clusters queue; but no step hangs for ever."""


class Settings(Section):
    """Everything an operator can set."""

    gateway: Gateway = Gateway()
    image: Image = Image()
    ports: Ports = Ports()
    resources: Containers = Containers()
    security: Security = Security()
    termination_grace_period_seconds: int = Field(
        GRACE, strict=True, ge=GRACE, le=3600, description="least grace period of a step's pod"
    )
    max_clusters: int | None = Field(
        None,
        strict=True,
        ge=1,
        description="clusters of one run at once; others wait for their turn",
    )
    scheduling_timeout: Seconds = Field(
        SCHEDULING, description="seconds until a step fails because its pod finds no node"
    )


def parse_settings(document: object, place: str = "settings") -> Settings:
    """Settings from a loaded YAML document; None is an empty one.

    Raises ConfigurationError, a sentence a line, each with the key's dotted path.
    """
    if document is None:
        return Settings()
    if not isinstance(document, Mapping):
        raise ConfigurationError(
            f"{place}: is a {type(document).__name__}, and settings are a mapping"
        )
    try:
        return Settings.model_validate(dict(document))
    except ValidationError as error:
        raise ConfigurationError(
            "\n".join(f"{place}: {_sentence(dict(detail))}" for detail in error.errors())
        ) from error


def _sentence(detail: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path, keys(), n=1, cutoff=0.0)
        return f"{path}: unknown key: did you mean {near[0]}?"
    message = str(detail["msg"]).removeprefix("Value error, ")
    given = detail["input"]
    shown = "" if isinstance(given, Mapping) else f"{given!r}: "
    return f"{path}: {shown}{message[0].lower()}{message[1:]}"


def keys(model: type[BaseModel] = Settings, prefix: str = "") -> dict[str, str]:
    """Every key that can be set, as a dotted path, with its description."""
    found: dict[str, str] = {}
    for name, info in model.model_fields.items():
        path = f"{prefix}{to_camel(name)}"
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= keys(inner, f"{path}.")
        else:
            found[path] = info.description or ""
    return found
