"""The HTML report: page, charts and pictures."""
