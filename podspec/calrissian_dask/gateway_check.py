"""Whether a gateway offers what steps will ask for: the check that provision makes, before any pod."""

from __future__ import annotations

from collections.abc import Mapping

from calrissian_dask_sidecar.cluster_options import cluster_options
from calrissian_dask_sidecar.credentials import make_credentials
from calrissian_dask_sidecar.gateway_api import GatewayApi, Option
from calrissian_dask_sidecar.http_exchange import Exchange
from calrissian_dask_sidecar.program_settings import ProgramSettings

from calrissian_dask.errors import ConfigurationError
from calrissian_dask.requirement import DaskGatewayRequirement
from calrissian_dask.settings import Settings
from calrissian_dask.tell import tell


class GatewayCheck:
    """One gateway, whose options are fetched once, at the first question."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings, self._environ = settings, environ
        self._offered: dict[str, Option] | None = None

    def problem(self, requirement: DaskGatewayRequirement, image: str | None) -> str | None:
        """What the gateway does not offer, in one sentence; None where it offers everything.

        Raises GatewayError where it cannot be asked, ConfigurationError where our credentials are
        wrong.
        """
        told = tell(self._settings, requirement, self._settings.gateway.url or "", image)
        if self._offered is None:
            self._offered = self._fetch(told)
        try:
            cluster_options(told, self._offered)
        except ConfigurationError as error:
            return str(error)
        return None

    def _fetch(self, told: ProgramSettings) -> dict[str, Option]:
        credentials = make_credentials(told, self._environ)
        return GatewayApi(Exchange(told.gateway_url), credentials).options()
