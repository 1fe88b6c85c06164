"""What holds for every pod."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask.mutation import mutate_pod
from calrissian_dask_sidecar.contract import CONTRACT
from calrissian_dask_sidecar.program_settings import ProgramSettings, read, write
from hypothesis import given
from hypothesis import strategies as st

from tests.podspec.pods import asking, settings

NAMES = st.from_regex(r"\A[a-z]([-a-z0-9]{0,8}[a-z0-9])?\Z").filter(
    lambda n: not n.startswith("dask")
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    """Pods that ask, with foreign containers, volumes and fields, and lists that are shared."""
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    volumes = draw(st.lists(NAMES, max_size=3, unique=True))
    mounts = [{"name": name, "mountPath": f"/mnt/{name}"} for name in volumes]
    shared = mounts if draw(st.booleans()) else None

    def container(name: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": name, "image": f"registry.example/{name}"}
        if draw(st.booleans()):
            entry["volumeMounts"] = shared if shared is not None else copy.deepcopy(mounts)
        if draw(st.booleans()):
            entry["env"] = draw(
                st.sampled_from([None, [], [{"name": "HOME", "value": "/"}], [{"name": "USER"}]])
            )
        if draw(st.booleans()):
            entry["command"], entry["args"] = ["/bin/sh", "-c"], [draw(st.text(max_size=5))]
        entry["future"] = draw(JSON)
        return entry

    spec: dict[str, Any] = {
        "containers": [container(names[0])],
        "initContainers": draw(st.sampled_from([None, [container(name) for name in names[1:]]])),
        "volumes": draw(st.sampled_from([None, [{"name": n, "emptyDir": {}} for n in volumes]]))
        if not volumes
        else [{"name": n, "emptyDir": {}} for n in volumes],
        "future": draw(JSON),
    }
    return asking(**spec)


@given(pods())
def test_the_input_is_untouched(pod: dict[str, Any]) -> None:
    before = copy.deepcopy(pod)
    mutate_pod(pod, settings())
    assert pod == before


@given(pods(), st.integers(2, 4))
def test_mutating_n_times_is_mutating_once(pod: dict[str, Any], times: int) -> None:
    once = mutate_pod(pod, settings())
    again = once
    for _ in range(times):
        again = mutate_pod(again, settings())
    assert again == once


@given(pods())
def test_every_mount_has_its_volume(pod: dict[str, Any]) -> None:
    spec = mutate_pod(pod, settings())["spec"]
    volumes = {volume["name"] for volume in spec["volumes"]}
    for container in spec["initContainers"] + spec["containers"]:
        assert {mount["name"] for mount in container.get("volumeMounts") or []} <= volumes


@given(pods())
def test_names_and_mount_paths_and_variables_are_unique(pod: dict[str, Any]) -> None:
    spec = mutate_pod(pod, settings())["spec"]
    containers = spec["initContainers"] + spec["containers"]
    for entries, key in [
        (containers, "name"),
        (spec["volumes"], "name"),
        *[(container.get("volumeMounts") or [], "mountPath") for container in containers],
        *[(container.get("env") or [], "name") for container in containers],
    ]:
        values = [entry[key] for entry in entries]
        assert len(values) == len(set(values))


@given(pods())
def test_everything_foreign_is_kept_in_order(pod: dict[str, Any]) -> None:
    spec, mutated = pod["spec"], mutate_pod(pod, settings())["spec"]
    foreign = spec["initContainers"] or []
    assert mutated["initContainers"][: len(foreign)] == foreign
    assert [c["name"] for c in mutated["initContainers"][len(foreign) :]] == [SIDECAR, PROVISION]
    own = spec["volumes"] or []
    assert mutated["volumes"][: len(own)] == own
    (tool,), (before,) = mutated["containers"], spec["containers"]
    for field in ("env", "volumeMounts"):
        kept = before.get(field) or []
        assert tool[field][: len(kept)] == kept
    untouched = set(before) - {"env", "volumeMounts", "args"}
    assert {key: tool[key] for key in untouched} == {key: before[key] for key in untouched}
    others = set(spec) - {"initContainers", "containers", "volumes"}
    assert {key: mutated[key] for key in others} == {key: spec[key] for key in others}


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)

CORES = st.decimals(min_value="0.001", max_value=1000, places=3).map(Fraction)

PROGRAM_SETTINGS = st.builds(
    ProgramSettings,
    contract=st.just(CONTRACT),
    gateway_url=TEXT,
    proxy_address=st.none() | TEXT,
    public_url=st.none() | TEXT,
    auth_type=TEXT,
    username=st.none() | TEXT,
    auth_kwargs=st.dictionaries(TEXT, TEXT, max_size=2),
    image=TEXT,
    workers=st.integers(1, 10**6),
    worker_cores=CORES,
    worker_cores_limit=CORES,
    worker_memory=st.integers(1, 2**60),
    scaling=st.sampled_from(["fixed", "adaptive"]),
    option_image=st.none() | TEXT,
    option_tag=st.none() | TEXT,
    extra_options=st.dictionaries(TEXT, JSON, max_size=2),
    owner=TEXT,
    provision_timeout=st.integers(1, 86400),
    stop_timeout=st.integers(1, 3600),
    scheduler_port=st.integers(0, 65535),
    api_port=st.integers(0, 65535),
    state=TEXT,
    termination_log=TEXT,
)


@given(PROGRAM_SETTINGS)
def test_settings_survive_the_environment(settings: ProgramSettings) -> None:
    assert read(write(settings)) == settings
