"""YAML as Kubernetes reads it: several documents, no dates, no key twice. JSON is a part of it."""

from __future__ import annotations

from typing import Any

import yaml

from calrissian_dask.errors import ConfigurationError


class _Loader(yaml.SafeLoader):
    """Without YAML 1.1's timestamps: Kubernetes has none, and `2026-01-01` is text there."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, list | dict):
            raise yaml.constructor.ConstructorError(
                None, None, "a key is a text, not a collection", key_node.start_mark
            )
        if key in result:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is there twice", key_node.start_mark
            )
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


class _Dumper(yaml.SafeDumper):
    """Writes a value that stands in two places twice; Kubernetes reads no anchors of ours."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def load_documents(text: str, place: str) -> list[Any]:
    """The documents of a YAML stream or a JSON text; empty ones are left out.

    Raises ConfigurationError with place:line:column.
    """
    try:
        return [d for d in yaml.load_all(text, Loader=_Loader) if d is not None]  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        raise ConfigurationError(f"{where}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigurationError(f"{place}: not YAML: {reason}") from error


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
