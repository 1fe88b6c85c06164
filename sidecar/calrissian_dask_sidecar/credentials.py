"""The Authorization header of requests to the gateway."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Protocol

from calrissian_dask_sidecar import contract
from calrissian_dask_sidecar.errors import ConfigurationError
from calrissian_dask_sidecar.program_settings import ProgramSettings


class Credentials(Protocol):
    """Makes the headers that authenticate a request."""

    def headers(self) -> dict[str, str]:
        """Headers to send with every request."""

    def answer(self, url: str, status: int, headers: Mapping[str, str]) -> dict[str, str] | None:
        """Headers to repeat a request with that was answered 401, or None: that was final."""


class Fixed:
    """The same header with every request, or none."""

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization

    def headers(self) -> dict[str, str]:
        """The header, sent without being asked for: that saves the 401 and a round trip."""
        return {"Authorization": self._authorization} if self._authorization else {}

    def answer(self, url: str, status: int, headers: Mapping[str, str]) -> dict[str, str] | None:
        """None: there is nothing else to try."""
        return None


def basic(username: str, password: str) -> str:
    """The Authorization of basic authentication, as dask_gateway's BasicAuth makes it.

    Raises ConfigurationError for what latin-1 cannot encode.
    """
    try:
        return "Basic " + b64encode(f"{username}:{password}".encode("latin1")).decode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            "gateway.auth: user name and password of basic authentication can only have latin-1"
            " characters, as dask_gateway sends them so"
        ) from None


def make_credentials(settings: ProgramSettings, environ: Mapping[str, str]) -> Credentials:
    """Credentials of the configured type; raises ConfigurationError where something is missing."""
    secret = environ.get(contract.SECRET_ENV, "").strip()  # `echo token > file` ends with a newline
    if not secret.isprintable():
        raise ConfigurationError(
            f"gateway.auth: the Secret in {contract.SECRET_ENV} has characters that no header can"
            " have: write it without line breaks"
        )
    match settings.auth_type:
        case "none":
            return Fixed(None)
        case "basic":
            return Fixed(basic(settings.username or "", secret))
        case "jupyterhub":
            if not secret:
                raise ConfigurationError(
                    f"gateway.auth: jupyterhub needs a token in {contract.SECRET_ENV}:"
                    " set gateway.auth.existingSecret"
                )
            if not secret.isascii():
                raise ConfigurationError(
                    "gateway.auth: a jupyterhub token has ASCII characters only"
                )
            return Fixed(f"jupyterhub {secret}")
        case other:
            from calrissian_dask_sidecar.library_auth import LibraryCredentials

            return LibraryCredentials(other, settings.auth_kwargs, environ)
