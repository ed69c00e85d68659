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
from thresher.formatting import counted
from thresher.interfaces.cli.app import ADD, app, catalog_file, context, open_catalog
from thresher.interfaces.cli.ingest_options import Exclude
from thresher.interfaces.cli.ingest_output import tell_exclusions, tell_some
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import print_json, say, tell

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.catalog.name_suggestions import Suggestion
    from thresher.curation.ingest.names import NameShape

MOST_SHAPES = 30
"""At most this many shapes are printed, then the number of further ones."""


@app.command(rich_help_panel=ADD)
def names(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with everything below them.")],
    exclude: Exclude = None,
    json: Json = False,
) -> None:
    """Preview what an ingest reads from the names of files and from their sidecars; nothing is changed.

    Paths that differ only in their numbers have one shape. For a shape that names no epoch and no step, a pattern
    for catalog.toml is suggested if words such as ep, it or seed stand before its numbers.
    """
    from thresher.curation.ingest.names import preview_names

    with _catalog_if_any() as catalog:
        preview = preview_names(paths, exclude=tuple(exclude or ()), catalog=catalog)
    if json:
        print_json(preview)
        return
    if not preview.files:
        tell("no audio file found")
    for shape in preview.shapes[:MOST_SHAPES]:
        _tell_shape(shape)
    if len(preview.shapes) > MOST_SHAPES:
        say(f"… and {counted(len(preview.shapes) - MOST_SHAPES, 'more shape')}; --json shows all")
    tell_exclusions(preview.excluded)
    _tell_unnamed(preview.shapes, preview.unnamed, preview.files, paths)
    tell_some("note", preview.warnings)
    tell_some("problem", preview.problems)


def _catalog_if_any() -> AbstractContextManager[Catalog | None]:
    """Open the catalog, whose patterns and former ingests count; that there is none is reported."""
    from thresher.catalog.config import ENVIRONMENT_VARIABLE

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


def _tell_shape(shape: NameShape) -> None:
    read = ", ".join(
        f"{key}={value}" + ("" if shape.sources[key] == "name" else f" (from the {shape.sources[key]})")
        for key, value in shape.reads.items()
    )
    tell(f"{counted(shape.files, 'file')}: {shape.shape}")
    if shape.files > 1 or shape.pattern is None:
        tell(f"  example  {shape.example}")
    tell(f"  pattern  {shape.pattern or 'none'}")
    tell(f"  reads    {read or 'nothing'}")


def _tell_unnamed(shapes: Sequence[NameShape], unnamed: int, files: int, paths: Sequence[Path]) -> None:
    """Print how many files name no checkpoint, and the suggested patterns, each once."""
    if not files:
        return
    if not unnamed:
        tell(
            f"all {counted(files, 'file')} name an epoch or a step"
            if files > 1
            else "the file names its checkpoint"
        )
        return
    tell(f"{unnamed:,} of {counted(files, 'file')} name no epoch and no step")
    suggested: dict[str, tuple[Suggestion, int]] = {}
    without = 0
    for shape in shapes:
        if shape.suggestion is not None:
            first, count = suggested.get(shape.suggestion.pattern, (shape.suggestion, 0))
            suggested[first.pattern] = first, count + shape.files
        elif not shape.is_named:
            without += shape.files
    again = shlex.join(["thresher", "names", *map(str, paths)])
    for suggestion, count in suggested.values():
        read = ", ".join(f"{key}={value}" for key, value in suggestion.reads.items())
        tell(f"\nsuggested for {counted(count, 'file')}, add it to catalog.toml if this is right: {read}\n")
        tell(suggestion.toml())
    if suggested:
        tell(f"`{again}` then shows what the new pattern reads")
    if without:
        them = f"{counted(without, 'file')} {'has' if without == 1 else 'have'}"
        tell(
            f"{them} no word such as epoch or step before a number; add a [[provenance]] pattern of your own "
            "(docs/names.md), or give --run, --epoch and --step to `thresher ingest`"
        )
