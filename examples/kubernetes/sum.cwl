cwlVersion: v1.2
class: CommandLineTool
doc: The sum of some numbers, on a Dask cluster of two workers.
$namespaces:
  calrissian: https://calrissian-cwl.github.io/schema#
requirements:
  DockerRequirement:
    dockerPull: ghcr.io/dask/dask:2026.6.0
  ResourceRequirement: {coresMin: 0.1, coresMax: 0.1, ramMin: 256, ramMax: 256}
  calrissian:DaskGatewayRequirement:
    workerCores: 1
    workerMemory: 512M
    clusterMaxCores: 2
    clusterMaxMemory: 1G
baseCommand:
- python3
- -c
- |
  import sys
  from distributed import Client
  print("sum", Client().submit(sum, [int(n) for n in sys.argv[1:]]).result())
inputs:
  numbers: {type: "int[]", default: [1, 2, 39], inputBinding: {position: 1}}
stdout: sum.txt
outputs:
  sum: stdout
