from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from calrissian_dask.errors import RequirementError
from calrissian_dask.requirement import (
    DaskGatewayRequirement,
    is_expression,
    is_requirement,
    literal_problems,
    parse,
    spelling_warnings,
)

from tests.podspec.pods import REQUIREMENT


def sentences(fields: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in literal_problems(fields)]


def test_the_extensions_own_example_asks_for_five_workers() -> None:
    """EXTENSION's example, with its spelling clusterMaxCore."""
    example = {
        "class": "calrissian:DaskGatewayRequirement",
        "workerCores": 1,
        "workerCoresLimit": 1,
        "workerMemory": "4G",
        "clusterMaxCore": 5,
        "clusterMaxMemory": "20G",
    }
    assert parse(example) == DaskGatewayRequirement(
        worker_cores=Fraction(1),
        worker_cores_limit=Fraction(1),
        worker_memory=4 * 2**30,
        cluster_max_cores=Fraction(5),
        cluster_max_memory=20 * 2**30,
        workers=5,
    )


@pytest.mark.parametrize(
    "name",
    [
        "DaskGatewayRequirement",
        "calrissian:DaskGatewayRequirement",
        "x:DaskGatewayRequirement",
        "https://calrissian-cwl.github.io/schema#DaskGatewayRequirement",
    ],
)
def test_the_class_is_known_under_any_prefix(name: str) -> None:
    assert is_requirement(name)


@pytest.mark.parametrize(
    "name", ["ResourceRequirement", "x:Dask", None, 4, "DaskGatewayRequirements"]
)
def test_other_classes_are_not_ours(name: Any) -> None:
    assert not is_requirement(name)


@pytest.mark.parametrize("spelling", ["clusterMaxCore", "clustermaxCore"])
def test_a_published_spelling_is_accepted_with_one_warning(spelling: str) -> None:
    fields = {key: value for key, value in REQUIREMENT.items() if key != "clusterMaxCores"}
    fields[spelling] = 5
    assert parse(fields).workers == 5
    (warning,) = spelling_warnings(fields)
    assert spelling in warning
    assert "write clusterMaxCores" in warning


def test_the_schemas_own_spelling_gives_no_warning() -> None:
    assert spelling_warnings(REQUIREMENT) == []


def test_two_spellings_with_one_value_are_fine() -> None:
    assert parse({**REQUIREMENT, "clusterMaxCore": 5}).workers == 5


def test_two_spellings_with_different_values_are_an_error() -> None:
    assert sentences({**REQUIREMENT, "clusterMaxCore": 7}) == [
        "clusterMaxCores: spelled in two ways, 5 and 7: keep one"
    ]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [("workerCore", "workerCores"), ("clusterMemory", "clusterMaxMemory"), ("xyz", "")],
)
def test_an_unknown_field_is_an_error_that_names_the_nearest(key: str, nearest: str) -> None:
    (sentence,) = sentences({**REQUIREMENT, key: 1})
    assert sentence.startswith(f"{key}: unknown field: did you mean {nearest}")


def test_the_core_limit_is_the_cores_where_it_is_not_written() -> None:
    fields = {key: value for key, value in REQUIREMENT.items() if key != "workerCoresLimit"}
    assert parse({**fields, "workerCores": 2}).worker_cores_limit == 2


def test_a_core_limit_below_the_cores_is_an_error() -> None:
    (sentence,) = sentences({**REQUIREMENT, "workerCores": 4, "workerCoresLimit": 2})
    assert sentence.startswith("workerCoresLimit: 2 is less than workerCores 4")


@pytest.mark.parametrize("field", sorted(set(REQUIREMENT) - {"workerCoresLimit"}))
@pytest.mark.parametrize("how", ["absent", "null"])
def test_every_other_missing_field_is_an_error_that_names_it(field: str, how: str) -> None:
    fields: dict[str, Any] = {key: value for key, value in REQUIREMENT.items() if key != field}
    if how == "null":
        fields[field] = None
    (sentence,) = sentences(fields)
    assert sentence.startswith(f"{field}: missing")


def test_no_worker_is_an_error_that_shows_the_division() -> None:
    (cores,) = sentences({**REQUIREMENT, "workerCoresLimit": 8})
    assert cores.startswith("clusterMaxCores: 5 // workerCoresLimit 8 = 0 workers: raise")
    (memory,) = sentences({**REQUIREMENT, "workerMemory": "32G"})
    assert memory.startswith("clusterMaxMemory: 20G // workerMemory 32G = 0 workers: raise")


def test_all_problems_are_reported_together_with_their_place() -> None:
    with pytest.raises(RequirementError) as caught:
        parse(
            {"workerCores": 0, "workerMemory": "4 Q", "clusterMaxCores": True, "x": 1}, "wf.cwl:3:5"
        )
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert all(line.startswith("wf.cwl:3:5.") for line in lines)
    assert {p.field for p in caught.value.problems} == {
        "x",
        "workerCores",
        "workerMemory",
        "clusterMaxCores",
        "clusterMaxMemory",
    }


@pytest.mark.parametrize("text", ["$(inputs.n)", "${ return 4; }", "$(inputs.n)G"])
def test_an_expression_is_not_judged_before_it_is_evaluated(text: str) -> None:
    assert is_expression(text)
    assert sentences({**REQUIREMENT, "workerMemory": text}) == []


def test_literals_are_judged_although_others_are_expressions() -> None:
    fields = {**REQUIREMENT, "workerMemory": "$(inputs.m)", "workerCores": -1}
    (sentence,) = sentences(fields)
    assert sentence.startswith("workerCores: -1")
    (sentence,) = sentences({**fields, "workerCores": 1, "workerCoresLimit": 9})
    assert sentence.startswith("clusterMaxCores: 5 // workerCoresLimit 9 = 0 workers: raise")


def test_a_limit_that_is_an_expression_is_not_replaced_by_its_default() -> None:
    fields = {**REQUIREMENT, "workerCores": 9, "workerCoresLimit": "$(inputs.n)"}
    assert sentences(fields) == []


def test_an_expression_where_nothing_evaluates_it_is_an_error() -> None:
    with pytest.raises(RequirementError, match=r"workerCores: '\$\(inputs\.n\)' is an expression"):
        parse({**REQUIREMENT, "workerCores": "$(inputs.n)"})
