"""The secret of a room's server, kept beside the catalog, and the token that the printed address carries.

The file survives restarts, so that the cookies of open pages stay valid. It can be deleted at any time: then every
browser needs the printed address again.
"""

from __future__ import annotations

import hmac
import os
import secrets
import shlex
import tempfile
from contextlib import suppress
from pathlib import Path

from thresher.catalog.files.partial_files import sweep
from thresher.catalog.settings.own_files import KEY_FILE
from thresher.errors import CatalogError, UsageError

_BYTES = 32
SHORTEST_PASSWORD = 8


def read_or_create_key(folder: Path) -> bytes:
    """Return the secret in the key file of a catalog's folder; create the file, mode 0600, if there is none.

    Raises CatalogError if the file can't be read, is damaged, or can be read by other users.
    """
    file = folder / KEY_FILE
    if not file.exists():
        _create(file)
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
        is_private = not file.stat().st_mode & 0o077
    except (OSError, ValueError) as error:
        raise CatalogError(
            f"{file} can't be read ({error}); delete it, and run `thresher serve` again"
        ) from error
    if len(key) != _BYTES:
        raise CatalogError(f"{file} is damaged; delete it, and run `thresher serve` again")
    if not is_private and _knows_modes(folder):
        raise CatalogError(f"other users can read {file}; delete it, and run `thresher serve` again")
    return key


def _create(file: Path) -> None:
    """Write a new key. The file appears complete or not at all; what a killed server left of one is removed."""
    sweep(file.parent, [file], None)
    partial = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(secrets.token_hex(_BYTES))
        os.replace(partial, file)
    except OSError as error:
        raise CatalogError(
            f"can't write {file}: {error.strerror}; the room needs a key beside the catalog"
        ) from error


def _knows_modes(folder: Path) -> bool:
    """Return whether the file system of a folder can keep a file from other users; those of some drives can't."""
    with (
        suppress(OSError),
        tempfile.NamedTemporaryFile(dir=folder, prefix="catalog.", suffix=".part") as probe,
    ):
        return not os.fstat(probe.fileno()).st_mode & 0o077
    return True


def token_of(key: bytes) -> str:
    """Return the token of a key: what the printed address and the cookie carry."""
    return hmac.new(key, b"thresher room", "sha256").hexdigest()[:32]


def is_token(given: str, key: bytes) -> bool:
    """Return whether `given` is the token of a key; the time does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token_of(key).encode())


def read_password(file: Path) -> str:
    """Return the password in the first line of a file. Raises UsageError if there is none."""
    try:
        password = file.read_text(encoding="utf-8").partition("\n")[0].strip()
        is_private = not file.stat().st_mode & 0o077
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(
            f"the password file {file} can't be read: {why}; give another --password-file"
        ) from error
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(
            f"the first line of {file} is the password, and needs at least {SHORTEST_PASSWORD} characters"
        )
    if not is_private and _knows_modes(file.parent):
        raise UsageError(f"other users can read {file}; run `chmod 600 {shlex.quote(str(file))}`")
    return password
