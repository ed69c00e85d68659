"""Scores of two clips: `prefix`, `aligned` and `likeness`."""
