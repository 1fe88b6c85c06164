"""Whether a gateway offers what steps will ask for: the check that provision makes, before any pod."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from calrissian_dask_sidecar.cluster_options import cluster_options
from calrissian_dask_sidecar.credentials import make_credentials
from calrissian_dask_sidecar.gateway_api import GatewayApi, Option
from calrissian_dask_sidecar.http_exchange import Exchange
from calrissian_dask_sidecar.program_settings import ProgramSettings

from calrissian_dask.errors import ConfigurationError
from calrissian_dask.requirement import DaskGatewayRequirement
from calrissian_dask.settings import Settings
from calrissian_dask.tell import tell

SMALLEST = DaskGatewayRequirement(Fraction(1), Fraction(1), 2**20, Fraction(1), 2**20, 1)
"""Any requirement: the credentials are told together with one, and do not depend on it."""


class GatewayCheck:
    """One gateway, whose options are fetched once, at the first question."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings, self._environ = settings, environ
        self._offered: dict[str, Option] | None = None

    def ask(self) -> None:
        """Fetch what is offered; raises as `problem` does."""
        self._fetched(tell(self._settings, SMALLEST, self._settings.gateway.url or "", None))

    def problem(self, requirement: DaskGatewayRequirement, image: str | None) -> str | None:
        """What the gateway does not offer, in one sentence; None where it offers everything.

        Raises GatewayError where it cannot be asked, ConfigurationError where our credentials are
        wrong.
        """
        told = tell(self._settings, requirement, self._settings.gateway.url or "", image)
        offered = self._fetched(told)
        try:
            cluster_options(told, offered)
        except ConfigurationError as error:
            return str(error)
        return None

    def _fetched(self, told: ProgramSettings) -> dict[str, Option]:
        if self._offered is None:
            credentials = make_credentials(told, self._environ)
            self._offered = GatewayApi(Exchange(told.gateway_url), credentials).options()
        return self._offered
