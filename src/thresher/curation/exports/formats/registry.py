"""Every format that a song is handed on in, by suffix.

A format is a module of this package with a constant `FORMAT`; nothing else names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from thresher.curation.exports import formats
from thresher.curation.exports.formats.export_format import ExportFormat

__all__ = ["FORMATS", "ExportFormat"]


def _found() -> Iterator[ExportFormat]:
    for module in pkgutil.iter_modules(formats.__path__):
        form = getattr(importlib.import_module(f"{formats.__name__}.{module.name}"), "FORMAT", None)
        if isinstance(form, ExportFormat):
            yield form


FORMATS: Mapping[str, ExportFormat] = MappingProxyType({form.suffix: form for form in _found()})
