"""The rows of scores, and the features that they are computed from."""
