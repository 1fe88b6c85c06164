"""CWL documents for Calrissian: tools that compute on their cluster, and ones that end badly."""

from __future__ import annotations

import json

from tests.cluster.images import TOOL

SPACES = "$namespaces: {calrissian: https://calrissian-cwl.github.io/schema#}"

SMALL = f"""
        DockerRequirement: {{dockerPull: "{TOOL}"}}
        ResourceRequirement: {{coresMin: 0.01, coresMax: 0.01, ramMin: 64, ramMax: 64}}
"""
"""Of every tool: a request of Calrissian's default, a whole core, would leave no room for others."""

ONE_WORKER = """
        calrissian:DaskGatewayRequirement:
          {workerCores: 1, workerMemory: 256M, clusterMaxCores: 1, clusterMaxMemory: 256M}
"""


def tool(line: str, *, cluster: str = "", more: str = "") -> str:
    """A document of one tool: a line of shell, with a cluster or not; prints are its output."""
    return f"""
cwlVersion: v1.2
{SPACES}
class: CommandLineTool
requirements:
{SMALL}{cluster}
        ShellCommandRequirement: {{}}
arguments: [{{shellQuote: false, valueFrom: {json.dumps(line)}}}]
inputs: []
stdout: said.txt
{more}
outputs: {{said: stdout}}
"""


_SUM = """
import sys
from distributed import Client
client = Client()
print(client.submit(sum, [1, 2, int(sys.argv[1])]).result())
"""

EVERYTHING = f"""
cwlVersion: v1.2
{SPACES}
$graph:
- class: Workflow
  id: everything
  requirements:
    ScatterFeatureRequirement: {{}}
    InlineJavascriptRequirement: {{}}
  inputs: {{numbers: "int[]", memory: string}}
  outputs:
    plain_text: {{type: File, outputSource: plain/said}}
    one_sum: {{type: File, outputSource: one/said}}
    each_sum: {{type: "File[]", outputSource: each/said}}
    hinted_sum: {{type: File, outputSource: hinted/said}}
    twice: {{type: int, outputSource: doubled/twice}}
  steps:
    plain: {{run: "#plain", in: {{}}, out: [said]}}
    one: {{run: "#compute", in: {{number: {{default: 39}}, memory: memory}}, out: [said]}}
    each:
      run: "#compute"
      scatter: number
      in: {{number: numbers, memory: memory}}
      out: [said]
    hinted: {{run: "#hinted", in: {{number: {{default: 4}}}}, out: [said]}}
    doubled: {{run: "#twice", in: {{file: one/said}}, out: [twice]}}
- class: CommandLineTool
  id: plain
  requirements:
{SMALL}
  baseCommand: [echo, plain]
  inputs: []
  stdout: texts/plain.txt
  outputs: {{said: stdout}}
- class: CommandLineTool
  id: compute
  requirements:
{SMALL}
        InlineJavascriptRequirement: {{}}
        calrissian:DaskGatewayRequirement:
          workerCores: 1
          workerMemory: $(inputs.memory)
          clusterMaxCores: "${{ return inputs.number > 1000 ? 2 : 1; }}"
          clusterMaxMemory: $(inputs.memory)
  baseCommand: [python3, -c, {json.dumps(_SUM)}]
  inputs: {{number: {{type: int, inputBinding: {{}}}}, memory: string}}
  stdout: texts/sums/compute.txt
  outputs: {{said: stdout}}
- class: CommandLineTool
  id: hinted
  requirements:
{SMALL}
  hints:
{ONE_WORKER}
  baseCommand: [python3, -c, {json.dumps(_SUM)}]
  inputs: {{number: {{type: int, inputBinding: {{}}}}}}
  stdout: hinted.txt
  outputs: {{said: stdout}}
- class: ExpressionTool
  id: twice
  requirements: {{InlineJavascriptRequirement: {{}}}}
  inputs: {{file: {{type: File, loadContents: true}}}}
  outputs: {{twice: int}}
  expression: "${{ return {{twice: 2 * parseInt(inputs.file.contents)}}; }}"
"""
"""A plain step, a Dask step, a scatter of three with expressions, stdout in folders, JavaScript, a hint."""

EVERYTHING_INPUTS = {"numbers": [10, 20, 30], "memory": "256M"}

EVERYTHING_CLUSTERS = 5

_HOARD = "x = []\nwhile True: x.append(bytearray(b'x' * 10_000_000))"

BAD_ENDS = f"""
cwlVersion: v1.2
{SPACES}
$graph:
- class: Workflow
  id: main
  inputs: []
  outputs:
    good_text: {{type: File, outputSource: good/said}}
    fails_text: {{type: "File?", outputSource: fails/said}}
    hoards_text: {{type: "File?", outputSource: hoards/said}}
  steps:
    good: {{run: "#good", in: {{}}, out: [said]}}
    fails: {{run: "#fails", in: {{}}, out: [said]}}
    hoards: {{run: "#hoards", in: {{}}, out: [said]}}
- class: CommandLineTool
  id: good
  requirements:
{SMALL}{ONE_WORKER}
  baseCommand: [echo, good]
  inputs: []
  stdout: good.txt
  outputs: {{said: stdout}}
- class: CommandLineTool
  id: fails
  requirements:
{SMALL}{ONE_WORKER}
  baseCommand: [sh, -c, "echo words; exit 3"]
  inputs: []
  stdout: fails.txt
  outputs: {{said: stdout}}
- class: CommandLineTool
  id: hoards
  requirements:
{SMALL}{ONE_WORKER}
  baseCommand: [python3, -c, {json.dumps(_HOARD)}]
  inputs: []
  stdout: hoards.txt
  outputs: {{said: stdout}}
"""
"""Three steps side by side: a good one, exit code 3, and an OOM kill."""

SCATTER = f"""
cwlVersion: v1.2
{SPACES}
class: Workflow
requirements: {{ScatterFeatureRequirement: {{}}}}
inputs: {{seconds: {{type: "string[]", default: ["1", "1.1"]}}}}
outputs: []
steps:
  each:
    scatter: seconds
    in: {{seconds: seconds}}
    out: []
    run:
      class: CommandLineTool
      requirements:
{SMALL}{ONE_WORKER}
      baseCommand: sleep
      inputs: {{seconds: {{type: string, inputBinding: {{}}}}}}
      outputs: []
"""
"""Two jobs with a cluster each."""
