"""How cwltool reads: where a document is, and the extension beside its own classes, for every version."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml
from cwltool.load_tool import resolve_tool_uri
from cwltool.process import supportedProcessRequirements, use_custom_schema
from cwltool.resolver import tool_resolver
from cwltool.update import ALLUPDATES

from calrissian_dask.cwl.occurrences import without_logs
from calrissian_dask.extension_schema import record, standalone
from calrissian_dask.requirement import IRI

CWLTOOL_EXTENSIONS = {
    "v1.0": "extensions.yml",
    "v1.1": "extensions-v1.1.yml",
    "v1.2": "extensions-v1.2.yml",
    "v1.2.0-dev1": "extensions-v1.1.yml",
    "v1.2.0-dev2": "extensions-v1.1.yml",
    "v1.2.0-dev3": "extensions-v1.1.yml",
    "v1.3.0-dev1": "extensions-v1.3.yml",
}
"""As cwltool/main.py, setup_schema, pairs them: with a callback it no longer looks at --enable-ext."""

CWLTOOL_BASE = "http://commonwl.org/cwltool"


def uri_of(document: str) -> str | None:
    """The URI under which cwltool finds a document; None where it will say that it finds none."""
    try:
        with without_logs():
            return str(resolve_tool_uri(document, resolver=tool_resolver)[0])
    except Exception:  # schema-salad raises many kinds, and cwltool raises the same again
        return None


def register(enable_ext: bool) -> None:  # noqa: FBT001  # cwltool's option of that name
    """Make cwltool accept the extension; with `enable_ext` its own extensions too."""
    for version in ALLUPDATES:  # includes the version to which cwltool updates all documents
        name, document = IRI.rsplit("#", 1)[0], standalone()
        extensions = CWLTOOL_EXTENSIONS.get(version)
        if enable_ext and extensions:
            name, document = CWLTOOL_BASE, _cwltools(extensions)
        use_custom_schema(version, name, yaml.safe_dump(document))
    if IRI not in supportedProcessRequirements:
        supportedProcessRequirements.append(IRI)


def _cwltools(file: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(files("cwltool").joinpath(file).read_text("utf-8"))
    document["$graph"].append(record())
    return document
