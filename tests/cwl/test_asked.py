"""The requirement that holds for a tool that cwltool has loaded."""

from __future__ import annotations

from pathlib import Path

import yaml
from calrissian_dask.cwl.asked import nearest
from calrissian_dask.cwl.cwltool_reading import register
from cwltool.context import LoadingContext
from cwltool.load_tool import load_tool

from tests.cwl.test_documents import tool, write
from tests.podspec.pods import REQUIREMENT


def test_an_imported_requirement_has_the_fields_that_were_written(tmp_path: Path) -> None:
    requirement = {"class": "calrissian:DaskGatewayRequirement", **REQUIREMENT}
    (tmp_path / "requirement.yml").write_text(yaml.safe_dump(requirement))
    path = write(tmp_path, tool(requirements=[{"$import": "requirement.yml"}]))
    register(enable_ext=False)
    asked = nearest(load_tool(path, LoadingContext()))
    assert asked is not None
    assert asked.fields == REQUIREMENT
    assert not asked.is_hint
