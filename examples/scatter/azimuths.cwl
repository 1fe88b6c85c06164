cwlVersion: v1.2
class: Workflow
doc: Light from several azimuths; every one gets a cluster of its own
requirements:
  ScatterFeatureRequirement: {}
inputs:
  elevation: File
  azimuths:
    type: int[]
    default: [0, 90, 225]
outputs:
  lit:
    type: File[]
    outputSource: illuminate/lit
steps:
  illuminate:
    run: illuminate.cwl
    scatter: azimuth
    in: {elevation: elevation, azimuth: azimuths}
    out: [lit]
