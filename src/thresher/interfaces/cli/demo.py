"""The demo command: a small training run, from first ingest to the rendered song."""
