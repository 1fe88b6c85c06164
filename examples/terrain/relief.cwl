cwlVersion: v1.2
class: Workflow
doc: The relief of an elevation model as a picture, and the statistics of its slopes
inputs:
  elevation: File
outputs:
  picture:
    type: File
    outputSource: render/picture
  statistics:
    type: File
    outputSource: terrain/statistics
steps:
  terrain:
    run: terrain.cwl
    in: {elevation: elevation}
    out: [hillshade, statistics]
  render:
    run: render.cwl
    in: {hillshade: terrain/hillshade}
    out: [picture]
