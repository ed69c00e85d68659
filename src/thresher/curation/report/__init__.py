"""The figures of a report, without its pages."""
