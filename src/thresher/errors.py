"""The errors that users can see. Each class has the exit code with which the command line ends.

A message is one sentence: what is wrong, with the value, and the next command. Messages can contain file names, so
code that prints them escapes them.
"""

from __future__ import annotations


class ThresherError(Exception):
    """The base class of all errors that thresher raises on purpose."""

    exit_code = 1


class UsageError(ThresherError):
    """An argument is invalid."""

    exit_code = 2


class QueryError(UsageError):
    """A query is invalid; `position` is the index of the first wrong character."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class CatalogError(ThresherError):
    """The catalog or its settings need an action of the user before the command can run."""

    exit_code = 3


class ReadOnlyCatalogError(CatalogError):
    """The role or the server of a shared catalog allows no changes."""


class UpgradedError(CatalogError):
    """A newer thresher has upgraded the catalog while it was open."""


class ConfigError(CatalogError):
    """`catalog.toml` contains an unknown setting or an invalid value."""


class BackendMissingError(CatalogError):
    """No fingerprint backend (Chromaprint library or program) is installed."""


class ClusterError(CatalogError):
    """The Dask cluster of the executor does not answer, has no workers, or runs another version of thresher."""


class WorkersError(ThresherError):
    """Worker processes end before their first task."""


class NotFoundError(ThresherError):
    """No clip, song, batch or file has this name."""

    exit_code = 4


class AudioError(ThresherError):
    """The audio of a file could not be decoded; the message contains the decoder's message."""


class NoAudioStreamError(AudioError):
    """A file, such as a silent film, is intact but has no audio in it."""
