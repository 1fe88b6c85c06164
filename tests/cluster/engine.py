"""What the suite asks of Docker, by its command line."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
"""The repository."""

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "calrissian-dask"
"""What is slow to make and the same for every clone: kind, a node image built from source."""


class CommandFailedError(Exception):
    """A program that the suite needs has failed; its last words."""


def call(*words: str | Path, timeout: float = 600, **environment: str) -> str:
    """Run a program; its stdout, or CommandFailedError with the end of what it said."""
    command = [str(word) for word in words]
    shown = " ".join(command)
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CommandFailedError(f"{shown}: {error.strerror}: is it installed?") from error
    try:
        out, err = process.communicate(timeout=timeout)
    except BaseException as error:  # an interrupt too: kind would leave a half-made node
        _end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise CommandFailedError(f"{shown}: not done after {timeout:.0f} s") from error
        raise
    if process.returncode:
        raise CommandFailedError(f"{shown}: exit {process.returncode}\n{(out + err)[-3000:]}")
    return out


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
            return


def succeeds(*words: str | Path) -> bool:
    """Whether a program ends with 0."""
    try:
        call(*words)
    except CommandFailedError:
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
    # A builder that keeps its result to itself, or adds attestations, is of no use to `kind load`.
    if buildkit():
        words += ["--load", "--provenance=false", "--sbom=false"]
    call(
        "docker", "build", "--network=host", f"--tag={tag}", f"--target={target}",
        f"--file={dockerfile}", *words, ROOT,
        timeout=1800, DOCKER_BUILDKIT="1" if buildkit() else "0",
    )  # fmt: skip


def buildkit() -> bool:
    """Whether the client has BuildKit; without it the daemon's own builder does the work."""
    return succeeds("docker", "buildx", "version")
