"""The `names` command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import CatalogError
from thresher.formatting import counted, listed
from thresher.interfaces.cli.app import ADD, app, catalog_file, context, open_catalog
from thresher.interfaces.cli.ingest_options import Exclude
from thresher.interfaces.cli.ingest_output import short, tell_exclusions, tell_ignored, tell_some
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import from_here, print_json, say, tell

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.catalog.provenance.name_suggestions import Suggestion
    from thresher.curation.ingest.name_groups import NameExample, NameGroup
    from thresher.curation.ingest.names import NamesPreview

MOST_GROUPS = 30
"""At most this many groups of shapes are printed, then the number of further ones."""

MOST_VALUES = 8
"""At most this many values of an example's path or sidecar are printed, then the number of further ones."""


@app.command(rich_help_panel=ADD)
def names(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with everything below them.")],
    exclude: Exclude = None,
    json: Json = False,
) -> None:
    """Preview what an ingest reads from the names of files and from their sidecars; nothing is changed.

    Paths that differ only in their numbers have one shape. Shapes from which the same values are read, by the same
    pattern, are printed together, with examples. Where no epoch and no step is read, a pattern for catalog.toml
    follows if words such as ep, it or seed stand before the numbers.
    """
    from thresher.curation.ingest.names import preview_names

    with _catalog_if_any() as catalog:
        preview = preview_names(paths, exclude=tuple(exclude or ()), catalog=catalog)
    if json:
        print_json(preview)
        return
    if not preview.files:
        tell("no audio file found")
    suggested: set[str] = set()
    for group in preview.groups[:MOST_GROUPS]:
        _tell_group(group)
        if group.suggestion is not None:
            _tell_suggestion(group.suggestion, suggested)
    if len(preview.groups) > MOST_GROUPS:
        say(f"… and {counted(len(preview.groups) - MOST_GROUPS, 'more group')} of shapes; --json shows all")
    elif any(group.shapes > len(group.examples) for group in preview.groups):
        say("--json lists every shape")
    tell_exclusions(preview.excluded)
    tell_ignored(preview.ignored_suffixes)
    _tell_unnamed(preview, paths)
    tell_some("note", preview.warnings)
    tell_some("problem", preview.problems)


def _catalog_if_any() -> AbstractContextManager[Catalog | None]:
    """Open the catalog, whose patterns and former ingests count; that there is none is reported."""
    from thresher.catalog.settings.config import ENVIRONMENT_VARIABLE

    try:
        catalog_file()
    except CatalogError:
        if context.catalog is not None or os.environ.get(ENVIRONMENT_VARIABLE):
            raise
        say(
            "there is no catalog here, so only the built-in patterns are tried; `thresher init` creates a catalog"
        )
        return nullcontext()
    return open_catalog()


def _tell_group(group: NameGroup) -> None:
    of_shapes = f" of {group.shapes:,} shapes" if group.shapes > 1 else ""
    tell(f"{counted(group.files, 'file')}{of_shapes}: {group.shape}")
    tell(f"  pattern  {group.pattern or 'none'}")
    told = None
    for example in group.examples:
        if group.files > 1 or group.pattern is None:
            tell(f"  example  {from_here(example.path)}")
        read = _read(example)
        if read != told:
            tell(f"  reads    {read}")
        told = read


def _read(example: NameExample) -> str:
    """Return what is read from an example, and from where."""
    parts: dict[str, list[str]] = {"path": [], "sidecar": []}
    for key, value in example.reads.items():
        source = example.sources[key]
        place = " (from the folder)" if source == "folder" else ""
        parts["sidecar" if source == "sidecar" else "path"].append(f"{key}={short(value)}{place}")
    shown = [listed(parts["path"], MOST_VALUES)] if parts["path"] else []
    shown += [f"from the sidecar: {listed(parts['sidecar'], MOST_VALUES)}"] if parts["sidecar"] else []
    return "; ".join(shown) or "nothing"


def _tell_suggestion(suggestion: Suggestion, suggested: set[str]) -> None:
    """Print a suggested entry, ready to paste; only its name if it was printed before."""
    if suggestion.pattern in suggested:
        tell(f"  suggested for catalog.toml: {suggestion.name}, as above")
        return
    suggested.add(suggestion.pattern)
    read = ", ".join(f"{key}={value}" for key, value in suggestion.reads.items())
    tell(f"  suggested for catalog.toml, if this is right: {read}\n")
    tell(suggestion.toml())


def _tell_unnamed(preview: NamesPreview, paths: Sequence[Path]) -> None:
    """Print how many files name no checkpoint, and what can be done for them."""
    files = preview.files
    if not files:
        return
    if not preview.unnamed:
        tell(
            f"all {counted(files, 'file')} name an epoch or a step"
            if files > 1
            else "the file names its checkpoint"
        )
        return
    tell(f"{preview.unnamed:,} of {counted(files, 'file')} name no epoch and no step")
    if any(group.suggestion is not None for group in preview.groups):
        tell(f"`{shlex.join(['thresher', 'names', *map(str, paths)])}` shows what a new pattern reads")
    without = sum(group.files for group in preview.groups if not group.is_named and group.suggestion is None)
    if without:
        them = f"{counted(without, 'file')} {'has' if without == 1 else 'have'}"
        tell(
            f"{them} no word such as epoch or step before a number; add a [[provenance]] pattern of your own "
            "(docs/names.md), or give --run, --epoch and --step to `thresher ingest`"
        )
