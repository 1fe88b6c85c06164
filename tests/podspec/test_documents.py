from __future__ import annotations

import pytest
from calrissian_dask.documents import dump_documents, load_documents
from calrissian_dask.errors import ConfigurationError


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_documents(text, "pod.yaml")
    return str(caught.value)


def test_several_documents_are_read_and_empty_ones_left_out() -> None:
    assert load_documents("---\na: 1\n---\n---\nb: 2\n", "x") == [{"a": 1}, {"b": 2}]


def test_json_is_yaml() -> None:
    assert load_documents('{"a": [1, "b", null, true]}', "x") == [{"a": [1, "b", None, True]}]


def test_a_date_is_text_as_kubernetes_has_it() -> None:
    assert load_documents("a: 2026-01-01", "x") == [{"a": "2026-01-01"}]


def test_anchors_and_merge_keys_are_read() -> None:
    assert load_documents("a: &x {k: 1}\nb: {<<: *x, l: 2}", "x") == [
        {"a": {"k": 1}, "b": {"k": 1, "l": 2}}
    ]


def test_no_anchor_is_written() -> None:
    shared = [1]
    assert dump_documents([{"a": shared, "b": shared}]) == "a:\n- 1\nb:\n- 1\n"


def test_what_is_written_is_read_again() -> None:
    documents = [{"a": "yes", "b": "1", "c": "2026-01-01", "d": None, "e": "ü\n"}, {"f": 1.5}]
    assert load_documents(dump_documents(documents), "x") == documents


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "pod.yaml:1:"),
        ("a: 1\na: 2", "pod.yaml:2:1: the key 'a' is there twice"),
        ("? [1]\n: 2", "a key is a text"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("\x00", "pod.yaml: not YAML"),
        ("[" * 5000, "pod.yaml"),
    ],
)
def test_what_is_no_yaml_is_an_error_with_its_place(text: str, words: str) -> None:
    assert words in refusal(text)
