"""Checkpoints: their figures, comparison, verdicts and best clips."""
