from __future__ import annotations

from typing import Any

import pytest
from calrissian_dask.errors import PodError
from calrissian_dask.mutation import mutate_pod

from tests.podspec.pods import asking, settings, tool_of


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"kind": "Job", "spec": {}}, "is a Job, and only a Pod can be mutated"),
        ({"kind": "Pod"}, "spec is None"),
        ({"spec": {"containers": {}}}, "spec.containers is {}"),
        ({"spec": {"containers": [1]}}, "spec.containers is [1]"),
        ({"spec": {"containers": None}}, "spec.containers is None"),
        ({"spec": {"containers": [], "volumes": "x"}}, "spec.volumes is 'x'"),
        ({"spec": {"containers": [], "initContainers": [None]}}, "spec.initContainers is [None]"),
        ({"metadata": [1], "spec": {}}, "metadata is [1]"),
        ({"metadata": {"annotations": "x"}, "spec": {}}, "metadata.annotations is 'x'"),
        ({"metadata": {"labels": [1]}, "spec": {}}, "metadata.labels is [1]"),
    ],
)
def test_what_has_not_the_form_of_a_pod_is_refused(broken: dict[str, Any], words: str) -> None:
    with pytest.raises(PodError) as caught:
        mutate_pod(broken, settings())
    assert words in str(caught.value)


@pytest.mark.parametrize("field", ["env", "volumeMounts", "ports", "command", "args"])
@pytest.mark.parametrize("value", ["x", {"a": 1}, 5])
def test_a_container_with_a_field_of_another_form_is_refused(field: str, value: Any) -> None:
    broken = asking()
    tool_of(broken)[field] = value
    with pytest.raises(PodError) as caught:
        mutate_pod(broken, settings())
    assert f"spec.containers[0].{field} is {value!r}" in str(caught.value)


@pytest.mark.parametrize("grace", ["30", True, 1.5])
def test_a_grace_period_that_is_no_number_is_refused(grace: Any) -> None:
    with pytest.raises(PodError, match="it is whole seconds"):
        mutate_pod(asking(terminationGracePeriodSeconds=grace), settings())
