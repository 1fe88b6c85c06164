"""Documents in the manner of the CWL v1.2 conformance tests, for the classes that Calrissian passes.

Calrissian's own record of them: conformance/badges of its repository. The words here are ours.
"""

from __future__ import annotations

from typing import Any

from tests.cluster.calrissian.workflows import SMALL

_HEAD = f"""
cwlVersion: v1.2
requirements:
{SMALL}"""

_TOOL = _HEAD + "        ShellCommandRequirement: {}\nclass: CommandLineTool\n"

_STEPS = """
cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  InlineJavascriptRequirement: {}
"""

_ECHO = f"""
      class: CommandLineTool
      requirements:
{SMALL}
      baseCommand: [echo, -n]
      inputs: {{a: {{type: Any, inputBinding: {{}}}}, b: {{type: Any, default: "", inputBinding: {{}}}}}}
      stdout: out.txt
      outputs:
        out:
          type: string
          outputBinding: {{glob: out.txt, loadContents: true, outputEval: "$(self[0].contents)"}}
"""

DOCUMENTS: dict[str, str] = {
    "command_line_tool": _TOOL
    + """
baseCommand: [printf, "%s\\n"]
arguments: [{position: 2, valueFrom: $(runtime.outdir.length > 0)}]
inputs:
  words: {type: "string[]", default: [x, y z], inputBinding: {position: 1, itemSeparator: ","}}
  flag: {type: boolean, default: true, inputBinding: {position: 3, prefix: --flag}}
  each:
    type: {type: array, items: int, inputBinding: {prefix: -n}}
    default: [1, 2]
    inputBinding: {position: 4}
stdout: deep/er/out.txt
outputs: {out: stdout}
""".replace("$(runtime.outdir.length > 0)", "tail"),
    "env_var_and_resource": _TOOL
    + """
hints: {EnvVarRequirement: {envDef: {GREETING: "hello $(inputs.name)"}}}
arguments:
- shellQuote: false
  valueFrom: 'echo "$GREETING" $(runtime.cores) $(runtime.ram) | tee said.txt >&2'
inputs: {name: {type: string, default: "Dask's"}}
stderr: err.txt
outputs:
  err: stderr
  said: {type: File, outputBinding: {glob: "*.txt"}}
""".replace('glob: "*.txt"', "glob: said.txt"),
    "initial_work_dir": _TOOL.replace(
        "class:",
        """
        InlineJavascriptRequirement: {}
        InitialWorkDirRequirement:
          listing:
          - {entryname: made/list.txt, entry: "$(inputs.rows.join(';'))"}
          - {entryname: changed.txt, entry: "first\\n", writable: true}
class:""",
    )
    + """
arguments: [{shellQuote: false, valueFrom: "cat made/list.txt; echo second >> changed.txt; exit 4"}]
inputs: {rows: {type: "int[]", default: [3, 1, 2]}}
stdout: list.txt
successCodes: [4]
outputs:
  list: stdout
  changed: {type: File, outputBinding: {glob: changed.txt}}
""",
    "directory_and_secondary_files": _TOOL
    + """
arguments: [{shellQuote: false, valueFrom: "mkdir d && echo 1 > d/a && echo 2 > d/b.idx && echo 3 > d/b"}]
inputs: []
outputs:
  folder: {type: Directory, outputBinding: {glob: d}}
  file: {type: File, secondaryFiles: [.idx], outputBinding: {glob: d/b}}
""",
    "schema_def": _TOOL
    + """
hints:
  SchemaDefRequirement:
    types:
    - name: pair
      type: record
      fields:
        left: {type: string, inputBinding: {prefix: -l}}
        right: {type: int, inputBinding: {prefix: -r}}
baseCommand: echo
inputs: {pair: {type: "#pair", default: {left: a b, right: 7}, inputBinding: {}}}
stdout: pair.txt
outputs: {out: stdout}
""",
    "permanent_fail": _TOOL
    + "baseCommand: [sh, -c, 'echo said; exit 7']\ninputs: []\noutputs: []\n",
    "missing_output": _TOOL
    + "baseCommand: 'true'\ninputs: []\noutputs: {out: {type: File, outputBinding: {glob: none}}}\n",
    "scatter_and_multiple": _STEPS
    + f"""
inputs: {{xs: {{type: "string[]", default: [a, b]}}, ys: {{type: "string[]", default: [c, d]}}}}
outputs:
  both: {{type: "string[]", outputSource: [pairs/out, grid/out], linkMerge: merge_flattened}}
steps:
  pairs:
    in: {{a: xs, b: ys}}
    scatter: [a, b]
    scatterMethod: dotproduct
    out: [out]
    run:{_ECHO}
  grid:
    in: {{a: {{source: [xs, ys], linkMerge: merge_flattened, valueFrom: "$(self[0])"}}, b: ys}}
    scatter: b
    out: [out]
    run:{_ECHO}
""",
    "conditional_and_subworkflow": _STEPS
    + f"""
inputs: {{go: {{type: boolean, default: false}}, text: {{type: string, default: deep}}}}
outputs: {{chosen: {{type: string, outputSource: [skipped/out, inner/out], pickValue: first_non_null}}}}
steps:
  skipped:
    when: $(inputs.go)
    in: {{go: go, a: text}}
    out: [out]
    run:{_ECHO}
  inner:
    in: {{text: {{source: text, valueFrom: "${{ return self.toUpperCase(); }}"}}}}
    out: [out]
    run:
      class: Workflow
      inputs: {{text: string}}
      outputs: {{out: {{type: string, outputSource: say/out}}}}
      steps:
        say:
          in: {{a: text}}
          out: [out]
          run:{_ECHO.replace(chr(10), chr(10) + "        ")}
""",
}
"""By the classes that they are about."""

LOOP = r"""
cd /calrissian/input-data
for document in *.cwl; do
  name="${document%.cwl}"
  mkdir -p "/calrissian/output-data/$name"
  "$@" --max-ram 16G --max-cores 8 --tmp-outdir-prefix /calrissian/tmpout/ \
    --stdout "/calrissian/output-data/$name.json" --stderr "/calrissian/output-data/$name.log" \
    --outdir "/calrissian/output-data/$name/" "$document"
  echo $? > "/calrissian/output-data/$name.code"
done
"""
"""Runs all documents, one after the other, with the program that is given as arguments."""


def comparable(value: Any) -> Any:
    """Outputs without the places of files; their checksums stay."""
    if isinstance(value, list):
        return [comparable(one) for one in value]
    if isinstance(value, dict):
        return {k: comparable(v) for k, v in value.items() if k not in ("location", "path")}
    return value
