"""What a job makes of the pod that Calrissian has built."""

from __future__ import annotations

import pytest
import yaml

pytest.importorskip("calrissian.main", reason="stock Calrissian is in .venv-calrissian only")

from calrissian_dask.runner.job import plain
from ruamel.yaml.scalarstring import DoubleQuotedScalarString


def test_texts_that_were_quoted_in_the_document_are_plain_texts_in_the_pod() -> None:
    """Cwltool keeps ruamel's texts, which nobody else can write."""
    pod = {"spec": {"containers": [{"image": DoubleQuotedScalarString("tool:1")}]}}
    with pytest.raises(yaml.representer.RepresenterError):
        yaml.safe_dump(pod)
    made = plain(pod)
    assert made == pod
    assert type(made["spec"]["containers"][0]["image"]) is str
