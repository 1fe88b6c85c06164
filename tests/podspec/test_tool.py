from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from calrissian_dask.mutation import mutate_pod
from calrissian_dask.settings import parse_settings
from calrissian_dask.tool import READ_CLUSTER

from tests.podspec.pods import asking, environment_of, settings, tool_of


def connected(container: dict[str, Any] | None = None, **gateway: Any) -> dict[str, Any]:
    asked = asking()
    tool_of(asked).update(container or {})
    return tool_of(mutate_pod(asked, settings(**gateway)))


def test_client_and_gateway_find_the_cluster_without_arguments() -> None:
    environment = environment_of(connected())
    assert environment["DASK_SCHEDULER_ADDRESS"] == "tcp://127.0.0.1:28786"
    assert environment["DASK_GATEWAY__ADDRESS"] == "http://127.0.0.1:28787"
    assert environment["DASK_GATEWAY__PROXY_ADDRESS"] == "gateway://gateway.example:8000"
    assert environment["DASK_GATEWAY__PUBLIC_ADDRESS"] == "http://gateway.example:8000/dask"
    assert environment["DASK_GATEWAY__HTTP_CLIENT__PROXY"] == "False"
    assert environment["USER"] == "calrissian"


@pytest.mark.parametrize(
    ("gateway", "proxy"),
    [
        ({"url": "http://gw.example"}, "gw.example:80"),
        ({"url": "https://gw.example/x"}, "gw.example:443"),
        ({"url": "http://[::1]/x"}, "[::1]:80"),
        ({"url": "http://[::1]:8000"}, "[::1]:8000"),
        ({"proxyAddress": "tcp.example:8786"}, "tcp.example:8786"),
        ({"proxyAddress": "tls://tcp.example:8786/"}, "tcp.example:8786"),
    ],
)
def test_the_proxy_is_where_the_gateway_serves_schedulers(gateway: Any, proxy: str) -> None:
    environment = environment_of(connected(**gateway))
    assert environment["DASK_GATEWAY__PROXY_ADDRESS"] == f"gateway://{proxy}"


def test_links_to_the_dashboard_are_for_a_browser() -> None:
    environment = environment_of(connected(publicUrl="https://dask.example"))
    assert environment["DASK_GATEWAY__PUBLIC_ADDRESS"] == "https://dask.example"


def test_the_ports_are_a_setting() -> None:
    given = parse_settings(
        {"gateway": {"url": "http://x"}, "ports": {"scheduler": 9001, "api": 9002}}
    )
    environment = environment_of(tool_of(mutate_pod(asking(), given)))
    assert environment["DASK_SCHEDULER_ADDRESS"] == "tcp://127.0.0.1:9001"
    assert environment["DASK_GATEWAY__ADDRESS"] == "http://127.0.0.1:9002"


def test_the_users_own_variables_stay_first_and_as_they_are() -> None:
    own = [{"name": "USER", "value": "me"}, {"name": "HOME", "value": "/out"}]
    environment = connected({"env": own})["env"]
    assert environment[:2] == own
    assert [entry["name"] for entry in environment].count("USER") == 1


def test_the_tool_sees_the_public_folder_only_and_cannot_write_it() -> None:
    (mount,) = connected()["volumeMounts"]
    assert mount == {
        "name": "dask-state",
        "mountPath": "/run/calrissian-dask",
        "subPath": "public",
        "readOnly": True,
    }


LINE = "python run.py > out.txt"


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        (["/bin/sh", "-c"], [LINE], (["/bin/sh", "-c"], [READ_CLUSTER + LINE])),
        (["/bin/sh", "-c"], [LINE, "a"], (["/bin/sh", "-c"], [READ_CLUSTER + LINE, "a"])),
        (["/bin/sh", "-c", LINE], None, (["/bin/sh", "-c", READ_CLUSTER + LINE], None)),
        (["/bin/sh", "-c", LINE], ["a"], (["/bin/sh", "-c", READ_CLUSTER + LINE], ["a"])),
        (None, ["run"], (None, ["run"])),
        (["/bin/sh"], ["-c", LINE], (["/bin/sh"], ["-c", LINE])),
        (["/bin/sh", "-c"], None, (["/bin/sh", "-c"], None)),
        (["python", "run.py"], None, (["python", "run.py"], None)),
        (None, None, (None, None)),
    ],
)
def test_dask_cluster_is_read_where_a_shell_runs_one_string(
    command: Any, args: Any, expected: Any
) -> None:
    """Everything else keeps its command, and gets all but DASK_CLUSTER."""
    tool = connected({"command": command, "args": args})
    assert (tool["command"], tool["args"]) == expected


SHELLS = [shell for shell in ("dash", "bash", "busybox") if Path(f"/bin/{shell}").exists()]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "line",
    [
        "exit 37",
        "false; echo $?; exit 3",
        "false",
        "kill -9 $$",
        "echo out; echo err >&2",
        "cat <<E\ntext\nE\nno-such-command",
        "set -e; false; echo never",
        "echo $0 $#; echo 'it''s' \"$HOME\"",
        "cat",
    ],
)
def test_the_line_means_what_it_meant(shell: str, line: str, tmp_path: Path) -> None:
    """Exit code, stdout and stderr are those without our words, and the cluster is known."""
    (tmp_path / "cluster").write_text("eo.0123\n")
    ours = READ_CLUSTER.replace("/run/calrissian-dask", str(tmp_path))
    start = ["busybox", "sh", "-c"] if shell == "busybox" else [shell, "-c"]
    plain = subprocess.run([*start, line], capture_output=True, input=b"in", check=False)
    prefixed = subprocess.run([*start, ours + line], capture_output=True, input=b"in", check=False)
    assert prefixed.returncode == plain.returncode
    assert prefixed.stdout == plain.stdout
    assert prefixed.stderr == plain.stderr
    seen = subprocess.run([*start, ours + "env"], capture_output=True, check=True)
    assert b"DASK_CLUSTER=eo.0123\n" in seen.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_file_does_not_end_the_shell(shell: str, tmp_path: Path) -> None:
    ours = READ_CLUSTER.replace("/run/calrissian-dask", str(tmp_path))
    start = ["busybox", "sh", "-c"] if shell == "busybox" else [shell, "-c"]
    run = subprocess.run([*start, ours + "echo ran"], capture_output=True, check=False)
    assert (run.returncode, run.stdout) == (0, b"ran\n")
