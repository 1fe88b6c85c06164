"""Auth classes that only the dask_gateway library knows: kerberos and an operator's own.

The one module that imports dask_gateway, and only when it is used: the import takes 1.4 s and
46 MB, which the usual pod need not pay. The image must have the library (extra `auth`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from calrissian_dask_sidecar.errors import ConfigurationError


class LibraryCredentials:
    """Asks a `dask_gateway.auth.GatewayAuth` for headers, as the library's own client does.

    Keyword arguments are format strings filled from the environment, as in the library's
    `gateway.auth.kwargs`.
    """

    def __init__(self, name: str, kwargs: Mapping[str, str], environ: Mapping[str, str]) -> None:
        try:
            import dask
            from dask_gateway.auth import get_auth
        except ImportError:
            raise ConfigurationError(
                f"gateway.auth.type {name!r} needs the dask_gateway library in the sidecar's image:"
                " build it with the extra `auth`, or use basic or jupyterhub"
            ) from None
        if name == "kerberos" and find_spec("kerberos") is None:
            raise ConfigurationError(
                "gateway.auth.type 'kerberos' needs the package pykerberos beside dask_gateway in"
                " the sidecar's image, which no image of this project has: build one from sidecar-auth"
            )
        try:
            filled = {key: text.format(**environ) for key, text in kwargs.items()}
            with dask.config.set({"gateway.auth.kwargs": filled}):
                self._auth: Any = get_auth(name)
        except Exception as error:  # an operator's own class may raise anything
            raise ConfigurationError(
                f"gateway.auth: {name!r} cannot be made: {type(error).__name__}: {error}"
            ) from error

    def headers(self) -> dict[str, str]:
        """None before the gateway asks: such credentials are made for one challenge."""
        return {}

    def answer(self, url: str, status: int, headers: Mapping[str, str]) -> dict[str, str] | None:
        """What the class makes of the gateway's 401."""
        challenge = SimpleNamespace(
            status=status, headers=headers, url=SimpleNamespace(host=urlsplit(url).hostname)
        )
        made, _ = self._auth.pre_request(challenge)
        return dict(made)
