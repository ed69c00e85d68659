"""Compare texts in one normal form of Unicode: `é` is one character or two, and macOS stores two.

Stored paths keep their bytes. Texts are compared in the form NFC, and where case does not matter, case-folded.
"""

from __future__ import annotations

import unicodedata


def nfc(text: str) -> str:
    """Return text with composed characters."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """Return text without differences of case and of form: `Straße` and `STRASSE` become equal."""
    return text.lower() if text.isascii() else nfc(nfc(text).casefold())


def forms_of(text: str) -> tuple[str, ...]:
    """Return the forms in which equal text is stored: as given, composed, decomposed."""
    if text.isascii():
        return (text,)
    forms = (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
    return tuple(dict.fromkeys(forms))
