cwlVersion: v1.2
class: CommandLineTool
$namespaces:
  calrissian: https://calrissian-cwl.github.io/schema#
doc: The mean elevation in metres, with dask-gateway's own client
requirements:
  calrissian:DaskGatewayRequirement:
    workerCores: 1
    workerMemory: 1G
    clusterMaxCores: 2
    clusterMaxMemory: 2G
hints:
  DockerRequirement:
    dockerPull: ghcr.io/calrissian-cwl/calrissian-dask-examples:latest
baseCommand: python3
inputs:
  script:
    type: File
    default: {class: File, location: mean.py}
    inputBinding: {position: 1}
  elevation:
    type: File
    inputBinding: {position: 2}
outputs:
  mean: stdout
stdout: mean.txt
