"""What a value of the settings may be, and what is said of one that is something else."""

from __future__ import annotations

import re
from typing import Annotated

from calrissian_dask_sidecar.host_port import scheduler_proxy, split_host_port
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic.fields import FieldInfo

URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


def check_url(text: str) -> str:
    """The gateway's URL, as it is; ValueError where it is none."""
    try:
        usable = URL.fullmatch(text) is not None and scheduler_proxy(text, None)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("write http(s)://host[:port][/path]")
    return text


def check_host_port(text: str) -> str:
    """host:port, as it is; ValueError where it is none."""
    try:
        split_host_port(text, None)
    except ValueError:
        raise ValueError("write host:port") from None
    return text


def _as_text(value: object) -> object:
    """Kubernetes takes `cpu: 1` for a quantity, and YAML reads `tag: 1.2` as a number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Url = Annotated[str, AfterValidator(check_url)]
HostPort = Annotated[str, AfterValidator(check_host_port)]
Text = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]
Port = Annotated[int, Field(strict=True, ge=1024, le=65535)]
UserId = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=86400)]


def is_section(info: FieldInfo) -> bool:
    """Whether a key holds further keys."""
    return isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
