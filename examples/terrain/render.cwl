cwlVersion: v1.2
class: CommandLineTool
doc: A hillshade as a picture; needs no cluster
hints:
  DockerRequirement:
    dockerPull: ghcr.io/calrissian-cwl/calrissian-dask-examples:latest
baseCommand: python3
inputs:
  script:
    type: File
    default: {class: File, location: render.py}
    inputBinding: {position: 1}
  hillshade:
    type: File
    inputBinding: {position: 2}
outputs:
  picture:
    type: File
    outputBinding: {glob: hillshade.png}
