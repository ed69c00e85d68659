"""The one family of errors a user can meet; each knows the exit code it ends a command with.

A message is one sentence that names the thing, the value that was wrong and the next command.
Everything in it may come from a file name, so whoever prints it escapes it.
"""

from __future__ import annotations


class ThresherError(Exception):
    """Something the user can act on; the root of every error raised on purpose."""

    exit_code = 1


class UsageError(ThresherError):
    """The command was asked something that makes no sense."""

    exit_code = 2


class QueryError(UsageError):
    """A query could not be understood; `position` is where, in characters from 0."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class CatalogError(ThresherError):
    """The catalog or its settings need the user's action before anything can be done."""

    exit_code = 3


class ConfigError(CatalogError):
    """`catalog.toml` holds something that is not a setting."""


class BackendMissingError(CatalogError):
    """Nothing on this machine can make fingerprints."""


class NotFoundError(ThresherError):
    """No clip, song, batch or file goes by that name."""

    exit_code = 4


class AudioError(ThresherError):
    """A file's audio could not be decoded; the message holds the decoder's words."""
