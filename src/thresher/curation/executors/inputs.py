"""The error of a task whose inputs a cluster has lost."""

from __future__ import annotations


class InputsLostError(Exception):
    """The worker that held a value of `Workers.share` ended; share the value again."""
