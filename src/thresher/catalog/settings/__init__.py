"""The settings of a catalog, and the files that they name."""
