"""Where the settings come from: --dask-settings, the environment, or the usual place."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from calrissian_dask.documents import load_documents
from calrissian_dask.errors import ConfigurationError
from calrissian_dask.settings import Settings, parse_settings

SETTINGS_PATH = Path("/etc/calrissian-dask/settings.yaml")
"""Where the chart's ConfigMap is mounted."""

SETTINGS_ENV = "CALRISSIAN_DASK_SETTINGS"

GATEWAY_URL_ENV = "CALRISSIAN_DASK_GATEWAY_URL"


def add_options(parser: Any, action: str | type[argparse.Action] = "store") -> None:
    """The two flags that every command has."""
    parser.add_argument(
        "--dask-gateway-url",
        action=action,
        metavar="URL",
        help=f"base URL of the Dask Gateway; else {GATEWAY_URL_ENV}, else gateway.url of the settings",
    )
    parser.add_argument(
        "--dask-settings",
        action=action,
        metavar="FILE",
        help=f"settings as YAML; else {SETTINGS_ENV}, else {SETTINGS_PATH} where it is there",
    )


def read_settings(
    options: argparse.Namespace,
    environ: Mapping[str, str],
    configured: Mapping[str, str] | None = None,
    usual: Path = SETTINGS_PATH,
) -> Settings:
    """The settings that hold for this command; raises ConfigurationError.

    The command line comes before the environment, and that before `configured`: what Calrissian's
    own `--conf` says under the flags' names.
    """
    lowest = configured or {}
    named = options.dask_settings or environ.get(SETTINGS_ENV) or lowest.get("dask_settings")
    path = Path(named) if named else usual
    settings = Settings()
    if named or path.exists():
        settings = _read(path)
    for place, url in (
        ("--dask-gateway-url", options.dask_gateway_url),
        (GATEWAY_URL_ENV, environ.get(GATEWAY_URL_ENV)),
        ("--conf: dask_gateway_url", lowest.get("dask_gateway_url")),
    ):
        if url:
            gateway = parse_settings({"gateway": {"url": url}}, place).gateway
            return settings.model_copy(
                update={"gateway": settings.gateway.model_copy(update={"url": gateway.url})}
            )
    return settings


def _read(path: Path) -> Settings:
    documents = load_documents(read_text(path), str(path))
    if len(documents) > 1:
        raise ConfigurationError(f"{path}: has {len(documents)} documents, and settings are one")
    return parse_settings(documents[0] if documents else None, str(path))


def read_stdin(stdin: TextIO) -> str:
    """What is given to the command; raises ConfigurationError where it is no text."""
    try:
        return stdin.read()
    except UnicodeDecodeError as error:
        raise ConfigurationError("standard input: is not UTF-8 text: give such") from error


def read_text(path: Path) -> str:
    """A file's text; raises ConfigurationError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read: {error.strerror}: check its name"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text: save it as such") from error
