"""What clusters cost, and what is told of them at the end."""

from __future__ import annotations

import json
from typing import Any

from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask.requirement import parse
from calrissian_dask.runner.ledger import Ledger

from tests.podspec.pods import REQUIREMENT
from tests.runner.scripted_api import TOOL, container, ended, pod, started

HOUR: dict[str, Any] = {"finishedAt": "2026-11-23T11:00:04Z"}
"""One hour after the provision's end."""


def test_a_cluster_costs_what_was_asked_for_from_ready_to_released() -> None:
    ledger = Ledger()
    record = ledger.open("step", parse(REQUIREMENT))
    assert record.hear(pod()) is None
    assert record.hear(started(container(TOOL, running={}))) is not None
    assert record.hear(started(container(TOOL, running={}))) is None
    stopped = ended(SIDECAR, 0, {"contract": 1, "stopped": ["abc"]}, **HOUR)
    record.hear(started(ended(TOOL), sidecar=stopped))
    assert (record.core_hours, record.gib_hours) == (2.0, 8.0)
    assert ledger.summary() == [
        "Dask: step: cluster abc, 2.000 core-hours and 8.000 GiB-hours asked for, released"
    ]


def test_a_provision_that_failed_is_listed_and_cost_nothing() -> None:
    ledger = Ledger()
    record = ledger.open("step", parse(REQUIREMENT))
    record.hear(pod(ended(PROVISION, 1, {"error": "no"}), ended(SIDECAR, 0, {"stopped": []})))
    record.error = "no Dask cluster: no"
    ledger.open("other", parse(REQUIREMENT))
    told = ledger.to_dict()
    assert told["total_core_hours"] == 0
    first = told["clusters"][0]
    assert (first["outcome"], first["cluster"]) == ("no cluster", None)
    assert first["error"] == "no Dask cluster: no"
    assert json.loads(json.dumps(told)) == told
    assert ledger.summary()[0].startswith("Dask: step: no cluster, 0.000 core-hours")
    assert ledger.summary()[-1].startswith("Dask: 2 steps")


def test_fewer_workers_than_asked_for_are_said_in_the_gateways_words() -> None:
    record = Ledger().open("step", parse(REQUIREMENT))
    words = "asked for 5 workers, the gateway gives 2"
    message = {"cluster": "abc", "workers": 2, "words": words, "seconds": 1.0}
    state = pod(container(SIDECAR, running={}), ended(PROVISION, 0, message))
    assert words in str(record.hear(state))


def test_a_run_without_clusters_says_nothing() -> None:
    assert Ledger().summary() == []
