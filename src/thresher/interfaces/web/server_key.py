"""The secret of a room's server, kept beside the catalog, and the token that the printed address carries.

The file survives restarts, so that the cookies of open pages stay valid. It can be deleted at any time: then every
browser needs the printed address again.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from thresher.errors import CatalogError

FILE_NAME = "catalog.key"
_BYTES = 32


def read_or_create_key(folder: Path) -> bytes:
    """Return the secret in the key file of a catalog's folder; create the file, mode 0600, if there is none.

    Raises CatalogError if the file can't be read, is damaged, or can be read by other users.
    """
    file = folder / FILE_NAME
    with suppress(FileExistsError):
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
    if os.name == "posix" and not is_private:
        raise CatalogError(f"other users can read {file}; delete it, and run `thresher serve` again")
    return key


def _create(file: Path) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise CatalogError(
            f"can't write {file}: {error.strerror}; the room needs a key beside the catalog"
        ) from error
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        opened.write(secrets.token_hex(_BYTES))


def token_of(key: bytes) -> str:
    """Return the token of a key: what the printed address and the cookie carry."""
    return hmac.new(key, b"thresher room", "sha256").hexdigest()[:32]


def is_token(given: str, key: bytes) -> bool:
    """Return whether `given` is the token of a key; the time does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token_of(key).encode())
