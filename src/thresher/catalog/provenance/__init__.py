"""Provenance: what names, sidecars and tags say about the checkpoint and the parameters of a file."""
