"""The tools of the suite's steps, as the shell lines that Calrissian would give their pods."""

from __future__ import annotations


def python(code: str, then: str = "") -> str:
    """A shell line that runs Python code, given as a here-document, and goes on."""
    return f"python3 - <<'END'{then}\n{code.strip()}\nEND\n"


COMPUTE = """
from distributed import Client
client = Client()
print("sum", client.submit(sum, [1, 2, 39]).result())
"""

OOM = """
hoard = []
while True:
    hoard.append(bytearray(b"x" * 10_000_000))
"""

WAITS = "trap 'exit 5' TERM; touch /tmp/first; while :; do sleep 0.1; done"
"""Ends on SIGTERM."""

DEAF = "trap '' TERM; touch /tmp/first; while :; do sleep 0.1; done"
"""Sits out its grace."""

TOLD = "touch /tmp/first; while ! [ -e /tmp/go ]; do sleep 0.1; done; exit 7"
"""Ends when it is told to (`node.touch`)."""

TOLD_THOUGH_DELETED = "trap 'touch /tmp/sigterm' TERM; " + TOLD
"""The same, and a deletion only leaves a trace."""

COMPUTES_UNTIL_TOLD = """
import pathlib, time
from distributed import Client
with Client() as client:
    pathlib.Path("/tmp/first").touch()
    while not pathlib.Path("/tmp/go").exists():
        assert client.submit(sum, [1, 2], pure=False).result() == 3
        time.sleep(0.2)
    print("done")
"""
"""Fails where its cluster goes before it is told to end."""
