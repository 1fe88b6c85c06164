from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from calrissian_dask_sidecar.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    state.start = "s1"
    return state


def test_a_record_is_read_as_written_and_says_under_which_sidecar(state: State) -> None:
    state.write("cluster", name="abc")
    record = state.read("cluster") or {}
    assert (record["name"], record["start"]) == ("abc", "s1")
    assert state.age(record) < 60
    assert state.cluster_name() == "abc"


def test_records_are_ours_alone_and_the_public_file_is_everybodys(state: State) -> None:
    """The umask must not matter: the tool has another uid."""
    mask = os.umask(0o077)
    try:
        state.prepare()
        state.write("cluster", name="abc")
        state.publish_cluster("abc")
    finally:
        os.umask(mask)
    public = state.path("public/cluster")
    assert public.read_text() == "abc\n"
    assert public.stat().st_mode & 0o777 == 0o644
    assert public.parent.stat().st_mode & 0o777 == 0o755
    assert state.path("cluster").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '"abc"', "\xff", "{}", '{"name": 5}'])
def test_t15_a_damaged_record_is_absent(state: State, content: str) -> None:
    state.path("cluster").write_text(content, encoding="latin-1")
    assert state.cluster_name() is None
    assert state.present("cluster")


@pytest.mark.parametrize(
    "name", ["", "a/b", "../x", "a\nb", "a b", "-x", "a?b", "x" * 300, "a%2Fb"]
)
def test_t15_a_name_that_would_change_a_url_is_absent(state: State, name: str) -> None:
    state.write("cluster", name=name)
    assert state.cluster_name() is None


def test_t15_a_symbolic_link_is_absent(state: State, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"name": "other"}')
    state.path("cluster").symlink_to(tmp_path / "elsewhere")
    assert state.cluster_name() is None


def test_names_of_both_backends_are_names(state: State) -> None:
    for name in ("0123456789abcdef0123456789abcdef", "eo-gateway.0123456789abcdef"):
        state.write("cluster", name=name)
        assert state.cluster_name() == name


def test_an_absent_record_has_no_age(state: State) -> None:
    assert state.age({}) == 0.0
    assert state.read("cluster") is None
    state.remove("cluster")


HOLD = """
import sys
from calrissian_dask_sidecar.state import State
lock = State(sys.argv[1]).lock("provision.lock")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_kernel_frees_a_lock_when_its_holder_is_killed(state: State, tmp_path: Path) -> None:
    assert not state.locked("provision.lock")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert state.locked("provision.lock")
    assert state.try_lock("provision.lock") is None
    holder.kill()
    holder.communicate()
    assert not state.locked("provision.lock")
    assert state.try_lock("provision.lock") is not None
