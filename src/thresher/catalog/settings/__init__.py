"""The settings of a catalog, and the files that belong to it."""
