"""What was wrong with an expression, out of the long report that cwltool and cwl-utils give."""

from __future__ import annotations

import re

HEADING = "Expression evaluation error:"

STDERR = re.compile(r"^stderr was: '(.*)", flags=re.MULTILINE | re.DOTALL)
"""Of node; the report ends with it."""


def reason(report: str) -> str:
    """One line that says it."""
    before, with_script, after = report.partition("script was:")
    if "stdout was: 'undefined'" in after:
        return "it gives no value (undefined)"
    stderr = STDERR.search(after)
    thrown = _lines(stderr[1].rstrip("\n'")) if stderr else []
    lines = (thrown if with_script else []) or _lines(before)
    for line in lines:
        if "Error:" in line:
            return line
    return " ".join(line for line in lines if line != HEADING) or "no reason was given"


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
