"""Where tasks run: what a worker process does first, and the cluster of the executor `dask`."""
