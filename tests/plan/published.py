"""Workflows in the shape of those that are published with the extension; written anew.

By eoap: dask-app-package 1.0.0 to 1.1.0 (a tool alone, and a workflow with one step, `clusterMaxCore`,
an image under requirements, `s:` metadata) and app-wrs-coverage 0.1.0 and 0.1.1 (a hint, the image a hint).
"""

from __future__ import annotations

METADATA = """
cwlVersion: v1.2
$namespaces: {s: "https://schema.org/", calrissian: "https://calrissian-cwl.github.io/schema#"}
s:softwareVersion: 1.0.0
s:author:
- '@type': s:Role
  s:author: {'@type': s:Person, s:familyName: Doe}
"""

TOOL_ALONE = (
    METADATA
    + """
$schemas: ["http://127.0.0.1:9/nobody-fetches-this.rdf"]
class: CommandLineTool
id: processor
requirements:
  DockerRequirement: {dockerPull: "registry.example/processor:2h@sha256:00"}
  EnvVarRequirement: {envDef: {}}
  calrissian:DaskGatewayRequirement:
    workerCores: 1
    workerCoresLimit: 1
    workerMemory: "4G"
    clusterMaxCore: 5
    clusterMaxMemory: "20G"
baseCommand: [process]
arguments: []
inputs:
  item-url: {type: string, inputBinding: {position: 1, prefix: --item-url}}
outputs:
  catalog: {type: Directory, outputBinding: {glob: .}}
"""
)

SCHEMAS = """
schemas: ["http://schema.org/version/9.0/schemaorg-current-http.rdf"]
"""
"""A `$` is missing; before a `$graph` nobody minds."""

REQUIREMENT_IN_GRAPH = (
    METADATA
    + SCHEMAS
    + """
$graph:
- class: Workflow
  id: main
  requirements:
    InlineJavascriptRequirement: {}
    NetworkAccess: {networkAccess: true}
    ScatterFeatureRequirement: {}
  inputs:
    bands: {type: "string[]", default: [nir, red]}
    resolution: int
  outputs: {catalog: {type: Directory, outputSource: mosaic_step/catalog}}
  steps:
    mosaic_step:
      in: {bands: bands, resolution: resolution}
      out: [catalog]
      run: "#mosaic"
- class: CommandLineTool
  id: mosaic
  requirements:
    DockerRequirement: {dockerPull: "registry.example/mosaic:1.1.0"}
    EnvVarRequirement: {envDef: {}}
    calrissian:DaskGatewayRequirement:
      workerCores: 1
      workerCoresLimit: 1
      workerMemory: "2G"
      clusterMaxCore: 24
      clusterMaxMemory: "48G"
  baseCommand: [mosaic]
  inputs:
    bands:
      type: ["null", {type: array, items: string, inputBinding: {prefix: --bands}}]
    resolution: {type: int, inputBinding: {position: 1, prefix: --resolution}}
  outputs: {catalog: {type: Directory, outputBinding: {glob: .}}}
"""
)

HINT_IN_GRAPH = (
    METADATA
    + SCHEMAS
    + """
$graph:
- class: Workflow
  id: coverage
  requirements: {InlineJavascriptRequirement: {}, NetworkAccess: {networkAccess: true}}
  inputs: {collection-id: {type: string, default: landsat}}
  outputs: {image: {type: File, outputSource: coverage-step/image}}
  steps:
    coverage-step: {in: {collection-id: collection-id}, out: [image], run: "#coverage-tool"}
- class: CommandLineTool
  id: coverage-tool
  requirements: {EnvVarRequirement: {envDef: {}}, NetworkAccess: {networkAccess: true}}
  hints:
    DockerRequirement: {dockerPull: registry.example/coverage}
    calrissian:DaskGatewayRequirement:
      workerCores: 1
      workerCoresLimit: 1
      workerMemory: "1G"
      clusterMaxCores: 10
      clusterMaxMemory: "20G"
  baseCommand: [coverage]
  inputs: {collection-id: {type: string, inputBinding: {position: 1}}}
  outputs: {image: {type: File, outputBinding: {glob: image.png}}}
"""
)
