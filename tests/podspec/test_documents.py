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


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("y", True),
        ("No", False),
        ("on", True),
        ("nO", "nO"),
        ("12:30:45", "12:30:45"),
        ("1e3", 1000.0),
        ("08", 8.0),
        ("0o17", 15),
        ("017", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("~", None),
        ("NULL", None),
        ("", None),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("1.2.3", "1.2.3"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_plain_word_is_what_kubernetes_takes_it_for(written: str, value: object) -> None:
    """sigs.k8s.io/yaml, goyaml.v2/resolve.go."""
    assert load_documents(f"a: {written}", "x") == [{"a": value}]


AMBIGUOUS = [
    *("y", "N", "yes", "on", "OFF", "true", "null", "~", "", "1", "1e3", "12345e67", "0o17", "08"),
    *(
        "0x1f",
        "-1",
        "+1",
        ".5",
        ".inf",
        ".NaN",
        "12:30:45",
        "2026-01-01",
        "1_000",
        "<<",
        "=",
        "-",
        "?",
    ),
    *(
        "a: b",
        "a #b",
        "#a",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
        " a",
        "a ",
        "[a",
        "{a",
        "|",
        ">",
        "'",
        '"',
    ),
    *("a\nb", "a\tb", "\x07", "\u2028", "\ufeff", "ü", "😀", "a:", "tcp://127.0.0.1:1"),
]


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_a_text_stays_a_text_for_every_reader(text: str) -> None:
    written = dump_documents([{"a": text, text: "b"} if text != "a" else {"a": text}])
    assert load_documents(written, "x")[0]["a"] == text
    value = written.split("a: ", 1)[1].splitlines()[0]
    looks_plain = value[:1] not in ("'", '"')
    assert not looks_plain or text == "tcp://127.0.0.1:1"


def test_a_merge_key_may_be_overridden() -> None:
    text = "a: &a {image: x, name: m}\nb:\n  <<: *a\n  image: z\n"
    assert load_documents(text, "x")[0]["b"] == {"image": "z", "name": "m"}


def test_json_with_tabs_and_with_a_key_twice() -> None:
    assert load_documents('{\n\t"a": 1\n}', "x") == [{"a": 1}]
    assert "the key 'a' is there twice" in refusal('{"a": 1, "a": 2}')


@pytest.mark.parametrize("tag", ["binary aGk=", "set {a}", "timestamp 2026-01-01", "omap [a: 1]"])
def test_kinds_of_values_that_json_has_not_are_refused(tag: str) -> None:
    assert "could not determine a constructor" in refusal(f"a: !!{tag}")
