"""The version of the program, which the build, `--version`, manifests and reports read here."""

__version__ = "0.1.0"
