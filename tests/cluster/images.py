"""The images of the suite: the project's own by its Dockerfile, and tools and a gateway for it."""

from __future__ import annotations

import os
import shutil
import ssl
from pathlib import Path

from tests.cluster.engine import CACHE, ROOT, CommandFailedError, build, call, present, pulled, size

PUBLIC_BASE = "docker.io/library/python:3.12-slim-bookworm"
"""The default of the Dockerfile."""

LOCAL_BASE = "calrissian-dask-test/base:bookworm"
"""What stands in for it where it cannot be pulled: Debian's own Python."""

SIDECAR = "calrissian-dask-test/sidecar:1"
SIDECAR_AUTH = "calrissian-dask-test/sidecar-auth:1"
CALRISSIAN = "calrissian-dask-test/calrissian:1"

TOOL = "calrissian-dask-test/tool:1"
"""A tool that has distributed and nothing else of Dask."""

GATEWAY = "calrissian-dask-test/gateway:1"
"""The gateway; also a tool that has dask_gateway."""

PLATFORM = "calrissian-dask-test/platform:1"
"""Calrissian's image as a platform makes it its own: with the gateway's URL and the settings."""

SHELLLESS = "calrissian-dask-test/shell-less:1"
"""A tool without a shell, as distroless images are."""

TARGETS = {
    SIDECAR: ("sidecar", "Dockerfile"),
    SIDECAR_AUTH: ("sidecar-auth", "Dockerfile"),
    CALRISSIAN: ("calrissian", "Dockerfile"),
    TOOL: ("tool", "tests/cluster/images/Dockerfile"),
    GATEWAY: ("gateway", "tests/cluster/images/Dockerfile"),
    SHELLLESS: ("shell-less", "tests/cluster/images/Dockerfile"),
    PLATFORM: ("platform", "tests/cluster/images/platform/Dockerfile"),
}


def build_all() -> dict[str, int]:
    """Build every image of the suite; their sizes in bytes."""
    arguments = {"BASE_IMAGE": base_image(), "CALRISSIAN": CALRISSIAN}
    for tag, (target, dockerfile) in TARGETS.items():
        build(tag, target, ROOT / dockerfile, arguments)
    return {tag: size(tag) for tag in TARGETS}


def identity(tag: str) -> str:
    """An image's id: another one after every change."""
    return call("docker", "image", "inspect", "--format", "{{.Id}}", tag).strip()


def remove_all() -> None:
    """Remove what `build_all` made."""
    for tag in filter(present, [*TARGETS, LOCAL_BASE]):
        call("docker", "image", "rm", "--force", tag)


def base_image() -> str:
    """BASE_IMAGE, else the public one, else Debian's Python by debootstrap."""
    chosen = os.environ.get("BASE_IMAGE")
    if chosen:
        return chosen
    if pulled(PUBLIC_BASE):
        return PUBLIC_BASE
    if not present(LOCAL_BASE):
        _bootstrap()
    return LOCAL_BASE


def _bootstrap() -> None:
    """Make LOCAL_BASE, trusting what this machine trusts, with pip configured as here."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CommandFailedError(
            f"{PUBLIC_BASE} cannot be pulled, and only root on Debian can make one: set BASE_IMAGE"
        )
    if shutil.which("debootstrap") is None:
        call("apt-get", "update")
        call("apt-get", "install", "--yes", "--no-install-recommends", "debootstrap")
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / "base"
    call("rm", "-rf", folder)
    try:
        packages = "python3,python3-venv,ca-certificates"
        call("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", folder)
        _trust(folder)
        script = 'tar -C "$0" -c . | docker import --change "ENV $1" - "$2"'
        call("bash", "-o", "pipefail", "-c", script, folder, _ENVIRONMENT, LOCAL_BASE)
    finally:
        call("rm", "-rf", folder)


_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_ENVIRONMENT = f"SSL_CERT_FILE={_CERTIFICATES} PIP_CERT={_CERTIFICATES}"


def _trust(folder: Path) -> None:
    ours = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if ours and Path(ours).exists():
        (folder / _CERTIFICATES.lstrip("/")).write_bytes(Path(ours).read_bytes())
    for path in (Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf"):
        if path.exists():
            (folder / "etc/pip.conf").write_bytes(path.read_bytes())
