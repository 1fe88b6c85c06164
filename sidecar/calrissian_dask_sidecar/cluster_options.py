"""What is asked for, in the words of one gateway: its option names, types and units.

Option names and types differ from platform to platform (docs/gateway.md); the gateway's own
declaration, `GET /api/v1/options`, is what is followed.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from calrissian_dask_sidecar.contract import TAG_AUTO, TAG_AUTO_OPTION, TAG_KEY
from calrissian_dask_sidecar.errors import ConfigurationError
from calrissian_dask_sidecar.gateway_api import Option
from calrissian_dask_sidecar.program_settings import ProgramSettings, decimal_text

GIB = 2**30

SNIPPETS = {
    "image": 'String("{name}", default="ghcr.io/dask/dask-gateway:latest")',
    "workerCores": 'Float("{name}", default=1, min=0.1)',
    "workerCoresLimit": 'Float("{name}", default=1, min=0.1)',
    "workerMemory": 'String("{name}", default="2 G")',
    "tag": 'Mapping("{name}")',
}
"""The declaration of each option in the gateway's configuration, for the error that asks for it."""


def cluster_options(settings: ProgramSettings, offered: dict[str, Option]) -> dict[str, Any]:
    """The `cluster_options` of the POST.

    Raises ConfigurationError, naming everything that is missing or does not fit at once.
    """
    options: dict[str, Any] = {}
    missing: dict[str, str] = {}
    problems: list[str] = []
    for field, name, value in _asks(settings):
        if name not in offered:
            missing[field] = name
            continue
        try:
            options[name] = _convert(field, value, offered[name])
        except ValueError as error:
            problems.append(f"{field} -> option {name!r}: {error}")
    for name, value in settings.extra_options.items():
        if name not in offered:
            problems.append(f"gateway.extraOptions.{name}: the gateway offers no such option")
        options[name] = value
    tag = tag_option(settings, offered)
    if tag is not None:
        options[tag] = _tagged(settings, options.get(tag), offered[tag])
    elif settings.option_tag not in (None, TAG_AUTO):
        missing["tag"] = str(settings.option_tag)
    if missing:
        problems.insert(0, _missing(missing, offered))
    if problems:
        raise ConfigurationError("; ".join(problems))
    return options


def _asks(settings: ProgramSettings) -> list[tuple[str, str, str | Fraction]]:
    """Field, option name and value of everything that is to be sent."""
    asks: list[tuple[str, str | None, str | Fraction]] = [
        ("image", settings.option_image, settings.image),
        ("workerCores", settings.option_worker_cores, settings.worker_cores),
        ("workerCoresLimit", settings.option_worker_cores_limit, settings.worker_cores_limit),
        ("workerMemory", settings.option_worker_memory, Fraction(settings.worker_memory)),
    ]
    return [(field, name, value) for field, name, value in asks if name is not None]


def tag_option(settings: ProgramSettings, offered: dict[str, Option]) -> str | None:
    """The name of the option that takes the tag, or None where there is none.

    By default it is the mapping `environment`; a string option of that name usually selects a
    conda environment, so it is not touched. An option that is named in the settings may be
    either.
    """
    if settings.option_tag == TAG_AUTO:
        auto = offered.get(TAG_AUTO_OPTION)
        return auto.name if auto is not None and auto.kind == "mapping" else None
    option = offered.get(settings.option_tag or "")
    return option.name if option is not None and option.kind in ("mapping", "string") else None


def is_tagged(value: Any, owner: str) -> bool:
    """Whether the value of a cluster's tag option names this owner."""
    return value == owner or (isinstance(value, dict) and value.get(TAG_KEY) == owner)


def memory_text(count: int | Fraction) -> str:
    """Bytes in the grammar of dask-gateway-server's `MemoryLimit`, exactly.

    It takes a decimal number and one of K, M, G, T, all powers of 1024, and refuses plain
    numbers in a string as well as GB and Gi. Any whole number of bytes is a finite decimal of K.
    """
    for power, letter in ((4, "T"), (3, "G"), (2, "M")):
        if count % 1024**power == 0:
            return f"{count // 1024**power}{letter}"
    return decimal_text(Fraction(count, 1024)) + "K"


def _convert(field: str, value: str | Fraction, option: Option) -> Any:
    if isinstance(value, str):
        return _text(value, option)
    if option.kind == "string":
        return memory_text(value) if field == "workerMemory" else decimal_text(value)
    if field == "workerMemory":
        value = value / GIB
    return _number(value, option, " GiB" if field == "workerMemory" else "")


def _text(value: str, option: Option) -> str:
    if option.kind == "select" and value not in option.choices:
        raise ValueError(
            f"the gateway lets choose from {', '.join(option.choices)} and the tool's image is"
            f" {value}: offer a String option, or set gateway.options.image to null"
        )
    if option.kind not in ("string", "select"):
        raise ValueError(f"its type is {option.kind}, and an image needs a String option")
    return value


def _number(value: Fraction, option: Option, unit: str) -> int | float:
    shown = f"{float(value):g}{unit}"
    if option.kind not in ("int", "float"):
        raise ValueError(f"its type is {option.kind}, which takes no number such as {shown}")
    if option.kind == "int" and value.denominator != 1:
        raise ValueError(
            f"the gateway takes whole numbers only and {shown} is asked for: ask for a whole"
            " number, or declare the option as Float"
        )
    if option.minimum is not None and value < option.minimum:
        raise ValueError(
            f"{shown} is asked for and the gateway's least is {option.minimum:g}{unit}"
        )
    if option.maximum is not None and value > option.maximum:
        raise ValueError(f"{shown} is asked for and the gateway's most is {option.maximum:g}{unit}")
    return int(value) if option.kind == "int" else float(value)


def _tagged(settings: ProgramSettings, present: Any, option: Option) -> Any:
    if option.kind == "string":
        return settings.owner
    entries = present if isinstance(present, dict) else {}
    return {**entries, TAG_KEY: settings.owner}


def _missing(missing: dict[str, str], offered: dict[str, Option]) -> str:
    names = ", ".join(repr(name) for name in missing.values())
    declared = ", ".join(SNIPPETS[field].format(name=name) for field, name in missing.items())
    keys = ", ".join(f"gateway.options.{field}" for field in missing)
    return (
        f"the gateway offers no option {names} (it offers: {', '.join(offered) or 'none'}):"
        f" declare it in the gateway's configuration, c.Backend.cluster_options ="
        f" Options({declared}), or name another option or null in {keys}"
    )
