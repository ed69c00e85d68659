"""The verbs: functions that take a `Catalog` and plain values, and return frozen dataclasses."""
