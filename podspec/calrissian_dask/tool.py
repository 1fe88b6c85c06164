"""The tool's container, connected: more environment, one read-only mount, and DASK_CLUSTER."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calrissian_dask_sidecar.contract import CLUSTER_FILE, PUBLIC_FOLDER, TOOL_MOUNT
from calrissian_dask_sidecar.host_port import join_host_port, scheduler_proxy

from calrissian_dask.containers import VOLUME, Request
from calrissian_dask.dask_environment import USER, dask_environment
from calrissian_dask.errors import PodError

SHELL = ["/bin/sh", "-c"]
"""How Calrissian starts every tool: this is the command, and one string the args."""

READ_CLUSTER = f"read -r DASK_CLUSTER <{TOOL_MOUNT}/{CLUSTER_FILE}; export DASK_CLUSTER; "
"""Before the tool's own line, in the same shell. `read` and not `.`: sourcing a file that is missing
ends the shell. On the same line, so that the shell's messages keep their line numbers."""


def tool_environment(request: Request) -> dict[str, str]:
    """The tool's variables; see `dask_environment`."""
    settings = request.settings
    public = settings.gateway.public_url or request.ask.gateway_url
    ports = settings.ports
    proxy = join_host_port(
        *scheduler_proxy(request.ask.gateway_url, settings.gateway.proxy_address)
    )
    return dask_environment(ports.scheduler, ports.api, proxy, public)


def connected(container: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """The tool's container with a way to its cluster; the input is untouched.

    Raises PodError where a variable or the mount path is taken with another value.
    """
    return {
        **container,
        **_command(container),
        "env": _environment(container, request),
        "volumeMounts": _mounts(container),
    }


def _command(container: Mapping[str, Any]) -> dict[str, Any]:
    """`command` and `args` with DASK_CLUSTER read first, where a shell runs one string; else {}.

    Kubernetes runs command + args, so it does not matter in which of them the string is.
    """
    command, args = list(container.get("command") or []), list(container.get("args") or [])
    line = len(SHELL)
    if (command + args)[:line] != SHELL or len(command) + len(args) == line:
        return {}
    if len(command) > line:
        return {"command": [*SHELL, READ_CLUSTER + str(command[line]), *command[line + 1 :]]}
    if len(command) == line:
        return {"args": [READ_CLUSTER + str(args[0]), *args[1:]]}
    return {}


def _environment(container: Mapping[str, Any], request: Request) -> list[Any]:
    present = list(container.get("env") or [])
    named = {entry.get("name"): entry for entry in present}
    added = []
    for name, value in tool_environment(request).items():
        entry = {"name": name, "value": value}
        if name not in named:
            added.append(entry)
        elif named[name] != entry:
            raise PodError(
                f"container {container.get('name')!r} sets {name} to"
                f" {named[name].get('value', 'a reference')!r} and its cluster needs {value!r}:"
                " remove it from the container"
            )
    if "USER" not in named:  # dask-gateway's client dies under a uid without passwd entry
        added.append({"name": "USER", "value": USER})
    return present + added


def _mounts(container: Mapping[str, Any]) -> list[Any]:
    ours = {"name": VOLUME, "mountPath": TOOL_MOUNT, "subPath": PUBLIC_FOLDER, "readOnly": True}
    present = list(container.get("volumeMounts") or [])
    for mount in present:
        if str(mount.get("mountPath", "")).rstrip("/") == TOOL_MOUNT:
            raise PodError(
                f"container {container.get('name')!r} mounts {mount.get('name')!r} at {TOOL_MOUNT},"
                " where its cluster's name belongs: mount it elsewhere"
            )
    return [*present, ours]
