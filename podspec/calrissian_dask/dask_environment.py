"""The variables by which a tool finds its cluster, whoever starts the tool."""

from __future__ import annotations

USER = "calrissian"
"""Of the gateway's client in the tool; the loopback API adds the real credentials."""


def dask_environment(
    scheduler_port: int, api_port: int, proxy_address: str, public_url: str
) -> dict[str, str]:
    """What makes `Client()` and `Gateway()` find the step's cluster; `proxy_address` is host:port.

    Environment beats every Dask configuration file of the image. The gateway's address is the
    sidecar's, which adds the credentials; the proxy's is the real one, which wants none. The
    library's HTTP client must not take a proxy for loopback: it ignores NO_PROXY.
    """
    return {
        "DASK_SCHEDULER_ADDRESS": f"tcp://127.0.0.1:{scheduler_port}",
        "DASK_GATEWAY__ADDRESS": f"http://127.0.0.1:{api_port}",
        "DASK_GATEWAY__PROXY_ADDRESS": f"gateway://{proxy_address}",
        "DASK_GATEWAY__PUBLIC_ADDRESS": public_url,
        "DASK_GATEWAY__AUTH__TYPE": "basic",
        "DASK_GATEWAY__AUTH__KWARGS__USERNAME": USER,
        "DASK_GATEWAY__HTTP_CLIENT__PROXY": "False",
    }
