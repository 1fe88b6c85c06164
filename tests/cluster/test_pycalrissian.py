"""The Job that pycalrissian makes, in a namespace that it has just made, with a platform's image."""

from __future__ import annotations

from tests.cluster.calrissian.runs import pycalrissian
from tests.cluster.calrissian.workflows import (
    BAD_ENDS,
    EVERYTHING,
    EVERYTHING_CLUSTERS,
    EVERYTHING_INPUTS,
)
from tests.cluster.conftest import NamespaceMaker
from tests.cluster.gateway import OPEN
from tests.cluster.images import PLATFORM
from tests.cluster.test_calrissian import limit_memory


def test_a_workflow_with_everything(make_namespace: NamespaceMaker) -> None:
    """No argument, no environment, no object of ours: the image is all that a launcher chooses."""
    fresh = make_namespace(OPEN)
    with pycalrissian(fresh, PLATFORM, EVERYTHING, EVERYTHING_INPUTS, "everything") as run:
        run.wait().assert_code(0)
        run.assert_released(EVERYTHING_CLUSTERS)
        outputs = run.outputs
        assert run.text(outputs["plain_text"]) == "plain\n"
        assert [run.text(one) for one in outputs["each_sum"]] == ["13\n", "23\n", "33\n"]
        assert run.text(outputs["hinted_sum"]) == "7\n"
        assert outputs["twice"] == 84
        assert len(run.usage["dask"]["clusters"]) == EVERYTHING_CLUSTERS
        logs = {name for name in run.output.files() if name.endswith(".log")}
        assert any(name.rpartition("/")[2].startswith("each") for name in logs), "the tools' logs"


def test_bad_ends(make_namespace: NamespaceMaker) -> None:
    fresh = make_namespace(OPEN)
    limit_memory(fresh)
    with pycalrissian(fresh, PLATFORM, BAD_ENDS, {}) as run:
        run.pod.wait_ended()
        run.assert_code(1)
        assert "Final process status is permanentFail" in run.said
        for step in run.dask_steps:
            step.wait_gone()
            step.assert_released()
        fresh.api.delete("Job", "job-1732392000", fresh.name)
