"""A document's tools, which cwltool makes one after the other, looked at together when all are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from cwltool.context import LoadingContext
from cwltool.process import Process
from ruamel.yaml.comments import CommentedMap

ToolT = TypeVar("ToolT", bound=Process)

Maker = Callable[[CommentedMap, LoadingContext], Process]


def tool_maker(
    tool_class: Callable[[CommentedMap, LoadingContext], ToolT],
    others: Callable[[Any, LoadingContext], Process],
    when_whole: Callable[[list[ToolT]], None],
) -> Maker:
    """What cwltool calls for every process of a document, for `construct_tool_object`.

    Workflows call it for what they run, so the outermost call ends when the whole document is there.
    `when_whole` may raise, before any job.
    """
    built: list[ToolT] = []
    depth = [0]

    def make(document: CommentedMap, context: LoadingContext) -> Process:
        depth[0] += 1
        try:
            if document.get("class") == "CommandLineTool":
                tool = tool_class(document, context)
                built.append(tool)
                process: Process = tool
            else:
                process = others(document, context)
        finally:
            depth[0] -= 1
        if depth[0] == 0:
            when_whole(built)
        return process

    return make
