from __future__ import annotations

from pathlib import Path

import pytest
from calrissian_dask_sidecar.errors import ConfigurationError
from calrissian_dask_sidecar.program_settings import read, write

from tests.pod_processes import program_settings


def environment(**changes: str) -> dict[str, str]:
    written = write(program_settings("http://gateway", Path("/state")))
    return {**written, **{f"CALRISSIAN_DASK_{key}": value for key, value in changes.items()}}


@pytest.mark.parametrize("number", ["0", "2", "", "x"])
def test_another_contract_is_refused(number: str) -> None:
    with pytest.raises(
        ConfigurationError, match="run the image of the version that mutated the pod"
    ):
        read(environment(CONTRACT=number))
    with pytest.raises(ConfigurationError, match="CALRISSIAN_DASK_CONTRACT is None"):
        read({})


def test_every_problem_is_said_at_once() -> None:
    broken = environment(
        WORKERS="many", WORKER_CORES="0", WORKER_MEMORY="-1", AUTH_KWARGS="[", EXTRA_OPTIONS="[]"
    )
    del broken["CALRISSIAN_DASK_GATEWAY_URL"]
    with pytest.raises(ConfigurationError) as caught:
        read(broken)
    sentences = str(caught.value).split("; ")
    assert len(sentences) == 6
    assert "CALRISSIAN_DASK_GATEWAY_URL is not set: base URL of the Dask Gateway" in sentences


def test_what_kubernetes_adds_for_a_service_of_our_name_does_not_disturb() -> None:
    """enableServiceLinks: a Service `calrissian-dask` becomes CALRISSIAN_DASK_PORT and others."""
    links = {"PORT": "tcp://192.0.2.1:80", "SERVICE_HOST": "192.0.2.1", "SERVICE_PORT": "80"}
    assert read(environment(**links)) == read(environment())
