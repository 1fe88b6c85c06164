from __future__ import annotations

from typing import Any

import pytest
from calrissian_dask import __version__
from calrissian_dask.errors import ConfigurationError
from calrissian_dask.settings import Settings, keys, parse_settings


def refusal(document: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(document, "settings.yaml")
    return str(caught.value)


@pytest.mark.parametrize("document", [None, {}])
def test_an_empty_document_is_the_defaults(document: Any) -> None:
    assert parse_settings(document) == Settings()


def test_the_image_is_of_this_version_unless_pinned() -> None:
    repository = "registry.example/sidecar"
    digest = "sha256:" + "0" * 64
    assert parse_settings({"image": {"repository": repository}}).image.reference == (
        f"{repository}:{__version__}"
    )
    pinned = parse_settings({"image": {"repository": repository, "digest": digest, "tag": "x"}})
    assert pinned.image.reference == f"{repository}@{digest}"


def test_an_unknown_key_is_an_error_that_names_the_nearest() -> None:
    assert refusal({"gateway": {"adress": "http://x"}}).startswith(
        "settings.yaml: gateway.adress: unknown key: did you mean gateway."
    )
    assert "did you mean ports.scheduler?" in refusal({"ports": {"schedular": 1}})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "settings are a mapping"),
        ({"gateway": {"url": "gateway.example"}}, "gateway.url: 'gateway.example'"),
        ({"gateway": {"url": "http://user:pw@host"}}, "gateway.url"),
        ({"gateway": {"proxyAddress": "host"}}, "gateway.proxyAddress"),
        ({"gateway": {"scaling": "auto"}}, "gateway.scaling"),
        ({"gateway": {"provisionTimeout": 0}}, "gateway.provisionTimeout"),
        ({"gateway": {"auth": {"type": "oauth"}}}, "gateway.auth.type"),
        ({"gateway": {"auth": {"type": "jupyterhub"}}}, "gateway.auth: type jupyterhub needs"),
        (
            {"gateway": {"auth": {"type": "none", "existingSecret": "s"}}},
            "gateway.auth: type none sends no secret",
        ),
        ({"gateway": {"auth": {"kwargs": {"a": "b"}}}}, "kwargs are for a dotted class"),
        ({"ports": {"scheduler": 80}}, "ports.scheduler: 80"),
        ({"ports": {"scheduler": 9000, "api": 9000}}, "are both 9000"),
        ({"security": {"runAsUser": 0}}, "security.runAsUser: 0"),
        ({"terminationGracePeriodSeconds": 5}, "terminationGracePeriodSeconds: 5"),
        ({"image": {"digest": "latest"}}, "image.digest"),
        ({"image": {"repository": ""}}, "image.repository"),
        ({"resources": {"sidecar": {"requests": {}}}}, "resources.sidecar.limits"),
        ({"gateway": 5}, "gateway: 5"),
        ({"gateway": {"url": "http://host:abc"}}, "write http(s)://host[:port][/path]"),
        ({"gateway": {"url": "http://host:99999"}}, "write http(s)://host[:port][/path]"),
        ({"gateway": {"proxyAddress": "host:99999"}}, "write host:port"),
        ({"gateway": {"provisionTimeout": True}}, "gateway.provisionTimeout: True"),
        ({"gateway": {"extraOptions": {"a": b"x"}}}, "gateway.extraOptions.a"),
        ({"image": {"tag": True}}, "image.tag"),
    ],
)
def test_a_bad_value_is_an_error_with_its_path(document: Any, words: str) -> None:
    message = refusal(document)
    assert message.startswith("settings.yaml: ")
    assert words in message


def test_all_problems_are_reported_together() -> None:
    lines = refusal({"ports": {"api": 1}, "image": {"tag": ""}, "x": 1}).splitlines()
    assert len(lines) == 3


@pytest.mark.parametrize("kind", ["none", "basic", "kerberos", "my_site.auth.Token"])
def test_the_auth_types_are_accepted(kind: str) -> None:
    assert parse_settings({"gateway": {"auth": {"type": kind}}}).gateway.auth.type == kind


def test_every_key_has_a_description() -> None:
    assert all(keys().values())
    assert {"gateway.url", "gateway.options.tag", "resources.sidecar.limits"} <= set(keys())


def test_the_json_schema_forbids_unknown_keys_and_uses_the_same_names() -> None:
    schema = Settings.model_json_schema()
    assert schema["additionalProperties"] is False
    assert "terminationGracePeriodSeconds" in schema["properties"]


def test_an_empty_section_is_its_defaults() -> None:
    assert parse_settings({"gateway": None, "ports": None}) == Settings()
    assert parse_settings({"gateway": {"auth": None}}) == Settings()


def test_numbers_are_taken_where_kubernetes_takes_them() -> None:
    given = {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 0.5, "memory": 2**30}}
    parsed = parse_settings({"resources": {"sidecar": given}, "image": {"tag": 1.2}})
    assert parsed.resources.sidecar.requests["cpu"] == "1"
    assert parsed.resources.sidecar.limits == {"cpu": "0.5", "memory": str(2**30)}
    assert parsed.image.tag == "1.2"
