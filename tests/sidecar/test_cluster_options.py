from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from calrissian_dask_sidecar.cluster_options import (
    cluster_options,
    is_tagged,
    memory_text,
    tag_option,
)
from calrissian_dask_sidecar.errors import ConfigurationError
from calrissian_dask_sidecar.gateway_api import Option
from hypothesis import given
from hypothesis import strategies as st

from tests.pod_processes import program_settings

STRINGS = {
    "image": Option("image", "string"),
    "worker_cores": Option("worker_cores", "float"),
    "worker_cores_limit": Option("worker_cores_limit", "float"),
    "worker_memory": Option("worker_memory", "string"),
}


def settings(**changes: Any) -> Any:
    return program_settings("http://x", Path(tempfile.gettempdir()), **changes)


def offered(*options: Option) -> dict[str, Option]:
    return {**STRINGS, **{option.name: option for option in options}}


def refusal(options: dict[str, Option], **changes: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        cluster_options(settings(**changes), options)
    return str(caught.value)


def test_the_options_as_eoap_publish_them() -> None:
    asked = settings(worker_cores=Fraction(1, 2), worker_memory=4 * 2**30)
    assert cluster_options(asked, STRINGS) == {
        "image": "registry.example/tool:1",
        "worker_cores": 0.5,
        "worker_cores_limit": 1.0,
        "worker_memory": "4G",
    }


def test_memory_as_a_number_is_gib() -> None:
    as_float = cluster_options(settings(), offered(Option("worker_memory", "float")))
    assert as_float["worker_memory"] == 0.5
    whole = settings(worker_memory=2 * 2**30)
    assert cluster_options(whole, offered(Option("worker_memory", "int")))["worker_memory"] == 2


def test_cores_as_whole_numbers() -> None:
    options = cluster_options(settings(), offered(Option("worker_cores", "int")))
    assert options["worker_cores"] == 1
    assert isinstance(options["worker_cores"], int)


def test_cores_as_text() -> None:
    asked = settings(worker_cores=Fraction(1, 2))
    assert (
        cluster_options(asked, offered(Option("worker_cores", "string")))["worker_cores"] == "0.5"
    )


@pytest.mark.parametrize(
    ("option", "changes", "words"),
    [
        (
            Option("worker_cores", "int"),
            {"worker_cores": Fraction(1, 2)},
            "takes whole numbers only",
        ),
        (Option("worker_memory", "int"), {}, "takes whole numbers only and 0.5 GiB"),
        (
            Option("worker_cores", "float", minimum=2),
            {},
            "1 is asked for and the gateway's least is 2",
        ),
        (Option("worker_cores", "float", maximum=0.5), {}, "the gateway's most is 0.5"),
        (Option("worker_memory", "float", maximum=0.1), {}, "0.5 GiB is asked for and"),
        (Option("worker_cores", "bool"), {}, "its type is bool"),
        (Option("image", "float"), {}, "an image needs a String option"),
        (Option("image", "select", choices=("a:1", "b:2")), {}, "lets choose from a:1, b:2"),
    ],
)
def test_an_option_that_cannot_take_the_value_is_an_error(
    option: Option, changes: dict[str, Any], words: str
) -> None:
    message = refusal(offered(option), **changes)
    assert words in message
    assert repr(option.name) in message


def test_an_image_that_may_be_chosen_is_chosen() -> None:
    select = Option("image", "select", choices=("registry.example/tool:1",))
    assert cluster_options(settings(), offered(select))["image"] == "registry.example/tool:1"


def test_a_gateway_without_options_is_told_what_to_declare() -> None:
    message = refusal({})
    assert (
        "offers no option 'image', 'worker_cores', 'worker_cores_limit', 'worker_memory'" in message
    )
    assert "(it offers: none)" in message
    assert 'Options(String("image", default="' in message
    assert 'String("worker_memory", default="2 G"))' in message
    assert "or name another option or null in gateway.options.image" in message


def test_the_snippet_is_what_the_gateway_understands() -> None:
    """What the message tells the operator to write is run by the real server's own Options."""
    from dask_gateway_server import options as server

    snippet = refusal({}).split("cluster_options = ")[1].split("), or name")[0] + ")"
    declared = eval(snippet, vars(server))
    kinds = {
        o["field"]: Option(o["field"], o["spec"]["type"]) for o in declared.get_specification()
    }
    assert declared.parse_options(cluster_options(settings(), kinds))


def test_names_can_be_mapped_and_left_out() -> None:
    options = {"IMAGE": Option("IMAGE", "string")}
    asked = settings(
        option_image="IMAGE",
        option_worker_cores=None,
        option_worker_cores_limit=None,
        option_worker_memory=None,
    )
    assert cluster_options(asked, options) == {"IMAGE": "registry.example/tool:1"}


def test_further_options_are_sent_as_they_are_and_must_be_offered() -> None:
    idle = offered(Option("idle_timeout", "float"))
    assert cluster_options(settings(extra_options={"idle_timeout": 60}), idle)["idle_timeout"] == 60
    assert "gateway.extraOptions.profile" in refusal(STRINGS, extra_options={"profile": "x"})


def test_every_problem_is_said_at_once() -> None:
    message = refusal({"image": Option("image", "float")}, extra_options={"x": 1})
    assert message.count(";") == 2


OWNER = "test/pod/0001"


def test_the_tag_goes_into_the_mapping_environment_where_there_is_one() -> None:
    options = offered(Option("environment", "mapping"))
    sent = cluster_options(settings(), options)
    assert sent["environment"] == {"CALRISSIAN_DASK_OWNER": OWNER}
    assert is_tagged(sent["environment"], OWNER)
    assert tag_option(settings(), STRINGS) is None


def test_the_tag_keeps_the_operators_own_entries() -> None:
    options = offered(Option("environment", "mapping"))
    sent = cluster_options(settings(extra_options={"environment": {"A": "1"}}), options)
    assert sent["environment"] == {"A": "1", "CALRISSIAN_DASK_OWNER": OWNER}


def test_a_string_named_environment_is_somebody_elses() -> None:
    """It usually selects a conda environment."""
    assert "environment" not in cluster_options(
        settings(), offered(Option("environment", "string"))
    )


def test_a_named_tag_may_be_a_string_and_must_be_offered() -> None:
    options = offered(Option("owner", "string"))
    sent = cluster_options(settings(option_tag="owner"), options)
    assert is_tagged(sent["owner"], OWNER)
    assert "gateway.options.tag" in refusal(STRINGS, option_tag="owner")
    assert "environment" not in cluster_options(
        settings(option_tag=None), offered(Option("environment", "mapping"))
    )


@pytest.mark.parametrize("value", [None, {}, {"CALRISSIAN_DASK_OWNER": "a/b/c"}, "x", 5, []])
def test_another_pods_tag_is_not_ours(value: Any) -> None:
    assert not is_tagged(value, OWNER)


@given(st.integers(1, 2**50))
def test_the_real_server_reads_our_memory_exactly(count: int) -> None:
    from dask_gateway_server.traitlets import MemoryLimit
    from traitlets import HasTraits

    class Config(HasTraits):
        memory = MemoryLimit()

    assert Config(memory=memory_text(count)).memory == count
