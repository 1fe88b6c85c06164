"""YAML as Kubernetes reads it: several documents, no dates, no key twice. JSON is a part of it.

Kubernetes reads YAML with go-yaml (sigs.k8s.io/yaml, goyaml.v2/resolve.go), which differs from
PyYAML in what a word without quotes is: `y` is a bool, `1e3` a number, `12:30:45` a text. Documents
are read by its rules, and texts are quoted unless nobody could take them for anything else.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import yaml

from calrissian_dask.errors import ConfigurationError

INT = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9A-Fa-f_]+|0|[1-9][0-9_]*)\Z")

FLOAT = re.compile(
    r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z"
)

BOOL = re.compile(
    r"(y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)\Z"
)

PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./@=-]*([:][A-Za-z0-9_./@=-]+)*\Z")
"""Texts that are left without quotes: a letter, a dot or a slash first, and no blank."""

WORDS = re.compile(r"(null|Null|NULL|~|\.(inf|nan|[0-9]).*)\Z", re.IGNORECASE)
"""Texts of that form that would be something else."""


class _Loader(yaml.SafeLoader):
    """With go-yaml's rules for plain words, and only the kinds of values that JSON has."""

    bool_values: ClassVar[dict[str, bool]] = {**yaml.SafeLoader.bool_values, "y": True, "n": False}


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", BOOL, list("yYnNtTfFoO"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", INT, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789."))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<\Z"), ["<"])
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
    if str(tag).rpartition(":")[2] not in ("binary", "omap", "pairs", "set", "timestamp")
}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    written: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, list | dict):
            raise yaml.constructor.ConstructorError(
                None, None, "a key is a text, not a collection", key_node.start_mark
            )
        if key in written:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is there twice", key_node.start_mark
            )
        written.add(key)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


class _Dumper(yaml.SafeDumper):
    """Writes a value that stands in two places twice; Kubernetes reads no anchors of ours."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = PLAIN.match(text) and not BOOL.match(text) and not WORDS.match(text)
    style = None if plain else '"' if not text.isprintable() else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def load_documents(text: str, place: str) -> list[Any]:
    """The documents of a YAML stream or a JSON text; empty ones are left out.

    Raises ConfigurationError with place:line:column.
    """
    if text.lstrip().startswith(("{", "[")):
        try:  # JSON may be indented with tabs, which YAML refuses
            return [json.loads(text, object_pairs_hook=_pairs)]
        except (ValueError, RecursionError):
            pass  # several documents, or YAML in flow style; its errors have a place
    try:
        return [d for d in yaml.load_all(text, Loader=_Loader) if d is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        raise ConfigurationError(f"{where}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigurationError(f"{place}: not YAML: {reason}") from error


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is there twice")
    return result


def dump_documents(documents: list[Any]) -> str:
    """A YAML stream; keys in the order in which they are."""
    return yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        explicit_start=len(documents) > 1,
        allow_unicode=True,
        width=100,
    )
