"""The record itself; that cwltool reads documents with it is in tests/local/test_documents.py."""

from __future__ import annotations

from calrissian_dask.extension_schema import record, standalone
from calrissian_dask.requirement import FIELDS, IRI, SPELLINGS


def test_every_field_and_accepted_spelling_may_have_any_value() -> None:
    fields = {field["name"]: field["type"] for field in record()["fields"]}
    assert set(fields) == {"class", *FIELDS, *SPELLINGS}
    assert all("Any" in kinds for name, kinds in fields.items() if name != "class")


def test_the_record_is_the_extensions_class_beside_cwls_own() -> None:
    imported, ours = standalone()["$graph"]
    assert imported == {"$import": "https://w3id.org/cwl/CommonWorkflowLanguage.yml"}
    assert ours["name"] == IRI
