"""The extension as a schema-salad record, for whichever cwltool reads the document.

Looser than the published schema, which refuses nearly every published workflow (fractions of cores,
memory as a number, other spellings): types are checked here, with a remedy, in `requirement`.
"""

from __future__ import annotations

from typing import Any

from calrissian_dask.requirement import FIELDS, IRI, SPELLINGS

CWL = "https://w3id.org/cwl/cwl#"

TYPES = ["null", "int", "long", "double", "string", "Any", CWL + "Expression"]
"""Everything: a list or a bool must come as far as our own sentence about it."""


def record() -> dict[str, Any]:
    """The record that makes DaskGatewayRequirement a process requirement."""
    return {
        "name": IRI,
        "type": "record",
        "inVocab": False,
        "extends": CWL + "ProcessRequirement",
        "fields": [
            {
                "name": "class",
                "type": "string",
                "jsonldPredicate": {"_id": "@type", "_type": "@vocab"},
            },
            *({"name": name, "type": TYPES} for name in (*FIELDS, *SPELLINGS)),
        ],
    }


def standalone() -> dict[str, Any]:
    """A schema document with CWL's own classes and the record."""
    base = IRI.rsplit("#", 1)[0]
    imported = {"$import": "https://w3id.org/cwl/CommonWorkflowLanguage.yml"}
    return {"$base": base + "#", "$graph": [imported, record()]}
