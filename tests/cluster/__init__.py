"""The suite on a real Kubernetes: kind, our images, and a Dask Gateway in the cluster."""
