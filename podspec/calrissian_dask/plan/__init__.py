"""What a workflow will ask of Dask Gateway, before anything runs; built on cwl-utils."""
