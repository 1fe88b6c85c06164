"""What the programs are told, as one frozen value and as environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from fractions import Fraction
from typing import Any

from calrissian_dask_sidecar.contract import (
    API_PORT,
    CONTRACT,
    ENV_PREFIX,
    SCHEDULER_PORT,
    STATE_MOUNT,
    TERMINATION_LOG,
)
from calrissian_dask_sidecar.errors import ConfigurationError


def _doc(text: str, **default: Any) -> Any:
    return field(metadata={"doc": text}, **default)


@dataclass(frozen=True, kw_only=True)
class ProgramSettings:
    """Settings of both programs; each field is the variable CALRISSIAN_DASK_<FIELD>.

    A field that is None has no variable. Cores are decimal numbers, memory is in bytes, times
    are in seconds. No field may be called PORT or SERVICE_...: Kubernetes writes such variables
    itself for a Service that is named `calrissian-dask`.
    """

    contract: int = _doc("contract number; the programs refuse another than their own")
    gateway_url: str = _doc("base URL of the Dask Gateway")
    proxy_address: str | None = _doc(
        "host:port of the gateway's scheduler proxy; default: the URL's host and port", default=None
    )
    public_url: str | None = _doc(
        "the gateway's URL as a browser sees it, for dashboard links", default=None
    )
    auth_type: str = _doc(
        "none, basic, jupyterhub, kerberos, or the dotted name of a dask_gateway auth class",
        default="basic",
    )
    username: str | None = _doc("user name for basic authentication", default=None)
    auth_kwargs: Mapping[str, str] = _doc(
        "JSON object: keyword arguments of a dotted auth class; {NAME} is filled from the environment",
        default_factory=dict,
    )
    image: str = _doc("container image of scheduler and workers: the tool's own")
    workers: int = _doc("number of workers")
    worker_cores: Fraction = _doc("cores of one worker")
    worker_cores_limit: Fraction = _doc("core limit of one worker")
    worker_memory: int = _doc("memory of one worker")
    scaling: str = _doc("fixed: all workers at once; adaptive: from 1 to all", default="fixed")
    option_image: str | None = _doc("the gateway's option for the image", default=None)
    option_worker_cores: str | None = _doc("the gateway's option for worker cores", default=None)
    option_worker_cores_limit: str | None = _doc(
        "the gateway's option for the worker core limit", default=None
    )
    option_worker_memory: str | None = _doc("the gateway's option for worker memory", default=None)
    option_tag: str | None = _doc("the gateway's option that takes the owner's tag", default=None)
    extra_options: Mapping[str, Any] = _doc(
        "JSON object: further gateway options, sent as they are", default_factory=dict
    )
    owner: str = _doc("namespace/name/uid of the pod: the tag")
    provision_timeout: int = _doc("until the cluster is ready", default=600)
    stop_timeout: int = _doc("within the pod's grace period, until the cluster is gone", default=25)
    scheduler_port: int = _doc("loopback port of the scheduler", default=SCHEDULER_PORT)
    api_port: int = _doc("loopback port of the gateway's API", default=API_PORT)
    state: str = _doc("folder of the state volume", default=STATE_MOUNT)
    termination_log: str = _doc("file of the termination message", default=TERMINATION_LOG)


def variable(name: str) -> str:
    """The environment variable of a field."""
    return ENV_PREFIX + name.upper()


def decimal_text(number: Fraction) -> str:
    """A fraction as an exact decimal number; its denominator must be made of twos and fives."""
    digits = 0
    while (number * 10**digits).denominator != 1:
        digits += 1
    if not digits:
        return str(number.numerator)
    text = str((number * 10**digits).numerator).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}"


def write(settings: ProgramSettings) -> dict[str, str]:
    """The environment that `read` turns into these settings again; fields in their order."""
    environment = {}
    for spec in fields(ProgramSettings):
        value = getattr(settings, spec.name)
        if isinstance(value, Mapping):
            if value:
                environment[variable(spec.name)] = json.dumps(value, sort_keys=True)
        elif isinstance(value, Fraction):
            environment[variable(spec.name)] = decimal_text(value)
        elif value is not None:
            environment[variable(spec.name)] = str(value)
    return environment


def read(environ: Mapping[str, str]) -> ProgramSettings:
    """The settings in an environment.

    Raises ConfigurationError for a contract other than ours and for a variable that is missing
    or malformed; all problems together.
    """
    number = environ.get(variable("contract"))
    if number != str(CONTRACT):
        raise ConfigurationError(
            f"{variable('contract')} is {number!r} and this image speaks {CONTRACT}:"
            " run the image of the version that mutated the pod"
        )
    values: dict[str, Any] = {}
    problems = []
    for spec in fields(ProgramSettings):
        text = environ.get(variable(spec.name))
        if text is not None:
            try:
                values[spec.name] = _convert(str(spec.type), text)
            except ValueError as error:
                problems.append(f"{variable(spec.name)} is {text!r}, {error}")
        elif spec.default is MISSING and spec.default_factory is MISSING:
            problems.append(f"{variable(spec.name)} is not set: {spec.metadata['doc']}")
    if problems:
        raise ConfigurationError("; ".join(problems))
    return ProgramSettings(**values)


def _convert(kind: str, text: str) -> Any:
    if kind == "int":
        if not text.isdecimal():
            raise ValueError("which is not a whole number")
        return int(text)
    if kind == "Fraction":
        try:
            number = Fraction(text)
        except (ValueError, ZeroDivisionError):
            number = Fraction(0)
        if number <= 0:
            raise ValueError("which is not a number above 0")
        return number
    if kind.startswith("Mapping"):
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ValueError("which is not a JSON object")
        return value
    return text
