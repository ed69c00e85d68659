"""Bring files into a catalog and keep it up to date: scan, ingest, watch, re-analyse, verify, forget."""
