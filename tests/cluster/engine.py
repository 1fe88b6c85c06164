"""What the suite asks of Docker, by its command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
"""The repository."""

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "calrissian-dask"
"""What is slow to make and the same for every clone: kind, a node image built from source."""


class CommandFailedError(Exception):
    """A program that the suite needs has failed; its last words."""


def call(*words: str | Path, timeout: float = 600, **environment: str) -> str:
    """Run a program; its stdout, or CommandFailedError with the end of what it said."""
    done = subprocess.run(
        [str(word) for word in words],
        env={**os.environ, **environment},
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-3000:]
        raise CommandFailedError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{said}")
    return done.stdout


def succeeds(*words: str | Path) -> bool:
    """Whether a program ends with 0."""
    try:
        call(*words)
    except (CommandFailedError, OSError, subprocess.TimeoutExpired):
        return False
    return True


def running() -> bool:
    """Whether a Docker daemon answers."""
    return succeeds("docker", "info")


def present(image: str) -> bool:
    """Whether the daemon has the image."""
    return succeeds("docker", "image", "inspect", image)


def size(image: str) -> int:
    """Bytes of an image."""
    return int(call("docker", "image", "inspect", "--format", "{{.Size}}", image))


def pulled(image: str) -> bool:
    """Whether the image is here or could be pulled."""
    return present(image) or succeeds("docker", "pull", "--quiet", image)


def build(tag: str, target: str, dockerfile: Path, arguments: Mapping[str, str]) -> None:
    """Build a target with the repository as context.

    The host's network, because the package registries are reached as this machine reaches them.
    """
    words = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    call(
        "docker", "build", "--network=host", f"--tag={tag}", f"--target={target}",
        f"--file={dockerfile}", *words, ROOT,
        timeout=1800, DOCKER_BUILDKIT="1" if buildkit() else "0",
    )  # fmt: skip


def buildkit() -> bool:
    """Whether the client has BuildKit; without it the daemon's own builder does the work."""
    return succeeds("docker", "buildx", "version")
