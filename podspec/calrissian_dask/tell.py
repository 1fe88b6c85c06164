"""What the pod's programs are told of an operator's settings and an author's requirement."""

from __future__ import annotations

from calrissian_dask_sidecar.contract import CONTRACT
from calrissian_dask_sidecar.program_settings import ProgramSettings

from calrissian_dask.requirement import DaskGatewayRequirement
from calrissian_dask.settings import Settings


def tell(
    settings: Settings, requirement: DaskGatewayRequirement, gateway_url: str, image: str | None
) -> ProgramSettings:
    """Everything but the owner, the ports and the time to stop, which depend on where they run.

    Without an image none is asked for.
    """
    gateway, options = settings.gateway, settings.gateway.options
    return ProgramSettings(
        contract=CONTRACT,
        gateway_url=gateway_url,
        proxy_address=gateway.proxy_address,
        public_url=gateway.public_url,
        auth_type=gateway.auth.type,
        username=gateway.auth.username,
        auth_kwargs=gateway.auth.kwargs,
        image=image or "",
        workers=requirement.workers,
        worker_cores=requirement.worker_cores,
        worker_cores_limit=requirement.worker_cores_limit,
        worker_memory=requirement.worker_memory,
        scaling=gateway.scaling,
        option_image=options.image if image else None,
        option_worker_cores=options.worker_cores,
        option_worker_cores_limit=options.worker_cores_limit,
        option_worker_memory=options.worker_memory,
        option_tag=options.tag,
        extra_options=gateway.extra_options,
        owner="",
        provision_timeout=gateway.provision_timeout,
    )
