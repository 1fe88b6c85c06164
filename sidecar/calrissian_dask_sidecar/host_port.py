"""host:port, taken out of what operators write. Pure: the pod's specification uses it as well."""

from __future__ import annotations

from urllib.parse import urlsplit


def split_host_port(text: str, default_port: int | None) -> tuple[str, int]:
    """`host:port`, `[v6]:port` or `host`, with or without a scheme before it; raises ValueError."""
    parsed = urlsplit(text if "//" in text else f"//{text}")
    try:
        port = parsed.port or default_port
    except ValueError:
        port = None
    if not parsed.hostname or not port:
        raise ValueError(f"{text!r} is not host:port")
    return parsed.hostname, port


def scheduler_proxy(gateway_url: str, proxy_address: str | None) -> tuple[str, int]:
    """Where a gateway serves schedulers: by default at its URL's own host and port.

    Raises ValueError where that is not host:port.
    """
    default_port = 443 if gateway_url.startswith("https:") else 80
    return split_host_port(proxy_address or gateway_url, default_port)


def join_host_port(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
