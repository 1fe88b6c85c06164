"""What happens to a pod on its node: signals, kills, volumes, the kubelet, the sandbox, DNS."""

from __future__ import annotations

import json
import time
from contextlib import suppress

from tests.cluster.engine import CommandFailedError, succeeds
from tests.cluster.kind import NODE, on_node
from tests.cluster.step_pods import StepPod

EMPTY_DIRS = "/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~empty-dir/{volume}"
"""Where the kubelet keeps them."""

SANDBOXES = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes"
"""Where containerd's CRI plugin keeps a sandbox' resolv.conf."""


def identity(pod: StepPod, container: str) -> str:
    """The runtime's id of a container, once the API server knows it."""
    pod.wait(f"id of {container}", lambda: pod.status(container).get("containerID"))
    return str(pod.status(container)["containerID"]).removeprefix("containerd://")


def kill(pod: StepPod, container: str, signal: str = "SIGKILL") -> None:
    """Send a signal to the first process of a running container; CommandFailedError if it has ended."""
    pod.wait_running(container)
    on_node("ctr", "-n", "k8s.io", "tasks", "kill", "-s", signal, identity(pod, container))


def has_ended(container: str) -> bool:
    """Whether a container's process is gone, by its id, as the runtime tells it."""
    listing = on_node("ctr", "-n", "k8s.io", "tasks", "list").splitlines()
    tasks = [line.split() for line in listing]
    return not any(words[0] == container and words[2] == "RUNNING" for words in tasks if words)


def has_file(pod: StepPod, volume: str, name: str) -> bool:
    """Whether a file is in one of the pod's emptyDirs."""
    folder = EMPTY_DIRS.format(uid=pod.uid, volume=volume)
    return succeeds("docker", "exec", NODE, "test", "-e", f"{folder}/{name}")


def stopping(pod: StepPod) -> bool:
    """Whether the sidecar has begun its stop."""
    return has_file(pod, "dask-state", "stopping")


def touch(pod: StepPod, name: str) -> None:
    """Make a file in the tool's /tmp: tools of these tests wait for one."""
    folder = EMPTY_DIRS.format(uid=pod.uid, volume="tmpdir")
    on_node("touch", f"{folder}/{name}")


def wait_wrote(pod: StepPod, name: str) -> None:
    """Wait until the tool has made a file in its /tmp."""
    pod.wait(f"file {name} of the tool", lambda: has_file(pod, "tmpdir", name))


def restart_kubelet(pause: float = 0.0) -> None:
    """Stop the kubelet, for so many seconds, and start it again."""
    on_node("systemctl", "stop", "kubelet")
    time.sleep(pause)
    on_node("systemctl", "start", "kubelet")


def sandbox(pod: StepPod) -> str:
    """The id of the pod's sandbox container."""
    wanted = f'labels."io.kubernetes.pod.uid"=={pod.uid}'
    listing = on_node("ctr", "-n", "k8s.io", "containers", "list", "-q", wanted)
    for container in listing.split():
        told = json.loads(on_node("ctr", "-n", "k8s.io", "containers", "info", container))
        if told["Labels"].get("io.cri-containerd.kind") == "sandbox":
            return container
    raise AssertionError(f"{pod.name} has no sandbox")


def kill_sandbox(pod: StepPod) -> None:
    """End the pod's pause process, as a crash of the runtime would."""
    on_node("ctr", "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", sandbox(pod))


def break_dns(pod: StepPod) -> None:
    """Let the pod ask a name server that is not there: the file is mounted into every container."""
    path = f"{SANDBOXES}/{sandbox(pod)}/resolv.conf"
    on_node("bash", "-c", f"test -s {path} && echo 'nameserver 127.0.0.53' > {path}")


def kill_again(pod: StepPod, container: str, signal: str) -> None:
    """The same, where the first signal may have done it already."""
    with suppress(CommandFailedError):
        kill(pod, container, signal)
