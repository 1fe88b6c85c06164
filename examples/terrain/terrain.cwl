cwlVersion: v1.2
class: CommandLineTool
$namespaces:
  calrissian: https://calrissian-cwl.github.io/schema#
doc: Hillshade and slope statistics of an elevation model, on a Dask cluster
requirements:
  calrissian:DaskGatewayRequirement:
    workerCores: 1
    workerCoresLimit: 1
    workerMemory: 1G
    clusterMaxCores: 4
    clusterMaxMemory: 4G
hints:
  DockerRequirement:
    dockerPull: ghcr.io/calrissian-cwl/calrissian-dask-examples:latest
baseCommand: python3
inputs:
  script:
    type: File
    default: {class: File, location: terrain.py}
    inputBinding: {position: 1}
  elevation:
    type: File
    inputBinding: {position: 2}
outputs:
  hillshade:
    type: File
    outputBinding: {glob: hillshade.npy}
  statistics:
    type: File
    outputBinding: {glob: slope.json}
