"""Synthetic clips for `thresher demo`."""
