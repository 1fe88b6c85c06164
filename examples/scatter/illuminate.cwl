cwlVersion: v1.2
class: CommandLineTool
$namespaces:
  calrissian: https://calrissian-cwl.github.io/schema#
doc: The share of the terrain that light from one azimuth reaches
requirements:
  InlineJavascriptRequirement: {}
  calrissian:DaskGatewayRequirement:
    workerCores: $(inputs.cores)
    workerMemory: $(inputs.memory)M
    clusterMaxCores: ${ return inputs.cores * 2; }
    clusterMaxMemory: $(runtime.ram)M
hints:
  ResourceRequirement:
    ramMin: 1024
  DockerRequirement:
    dockerPull: ghcr.io/calrissian-cwl/calrissian-dask-examples:latest
baseCommand: python3
inputs:
  script:
    type: File
    default: {class: File, location: illuminate.py}
    inputBinding: {position: 1}
  elevation:
    type: File
    inputBinding: {position: 2}
  azimuth:
    type: int
    inputBinding: {position: 3}
  cores: {type: int, default: 1}
  memory: {type: int, default: 512}
outputs:
  lit: stdout
stdout: lit-$(inputs.azimuth).txt
