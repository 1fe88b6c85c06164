"""Our two flags on Calrissian's command line: which of its sources gave them, and which stand wrong."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from calrissian_dask.errors import ConfigurationError

PREFIX = "dask_"
"""Of the keys in `--conf` and default.json that are ours; Calrissian takes any key there."""


class Given(argparse.Action):
    """Stores a value, and that the command line gave it.

    Calrissian reads `--conf` and default.json into the parser's defaults and parses again, so that
    afterwards nobody can tell them from flags (calrissian/main.py:58-81).
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Called for a flag on the command line only."""
        setattr(namespace, self.dest, values)
        setattr(namespace, _mark(self.dest), True)


def add_group(
    parser: argparse.ArgumentParser, add_options: Callable[..., None]
) -> argparse.ArgumentParser:
    """The flags in a group of their own, for --help."""
    group = parser.add_argument_group(
        "Dask", "clusters for steps with DaskGatewayRequirement; put these before the workflow"
    )
    add_options(group, action=Given)
    return parser


def split(args: argparse.Namespace) -> tuple[argparse.Namespace, Mapping[str, str]]:
    """The flags as the command line gave them, and what `--conf` or default.json says.

    Raises ConfigurationError for a key there that begins as ours do and is none.
    """
    flags = argparse.Namespace(dask_gateway_url=None, dask_settings=None)
    configured = {}
    for key, value in vars(args).items():
        if not key.startswith(PREFIX):
            continue
        if key not in vars(flags):
            known = " and ".join(sorted(vars(flags)))
            raise ConfigurationError(f"--conf: {key} is no key of ours: there are {known}")
        if hasattr(args, _mark(key)):
            setattr(flags, key, value)
        elif value is not None:
            configured[key] = str(value)
    return flags, configured


def misplaced(words: Sequence[str], inputs: Callable[[], set[str]]) -> str | None:
    """A sentence where a flag of ours stands behind the workflow and is no input of it.

    There cwltool takes everything for the workflow's inputs.
    """
    ours = [word.split("=")[0] for word in words if word.startswith("--dask-")]
    names = inputs() if ours else set()
    for word in ours:
        if word.removeprefix("--") not in names:
            return f"{word} stands behind the workflow: put it before the workflow"
    return None


def _mark(dest: str) -> str:
    return f"_given_{dest}"
