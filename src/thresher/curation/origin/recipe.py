"""The recipe of a clip: how it was made, as far as known, and command lines that make it or its neighbours again.

Command lines come from the `[[recipe]]` templates of `catalog.toml`. Nothing is run.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sqlalchemy import select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import attribute
from thresher.catalog.provenance.file_tags import FileTag
from thresher.catalog.provenance.name_patterns import PATTERNS
from thresher.catalog.provenance.recipe_templates import RecipeTemplate
from thresher.catalog.queries.text import Terms
from thresher.curation.clips.listing import ClipRow, read_rows
from thresher.curation.clips.reach import no_match
from thresher.curation.clips.selection import parse_terms, select_ids
from thresher.curation.origin.filling import (
    OF_THE_CLIP,
    CommandLine,
    Neighbours,
    check_names,
    neighbouring,
)
from thresher.curation.origin.known_values import KnownValues, read_known
from thresher.curation.origin.sources import (
    NO_FILE,
    RecipeValue,
    changed_since,
    read_statements,
    with_sources,
)
from thresher.errors import NotFoundError
from thresher.formatting import any_of


@dataclass(frozen=True)
class Recipe:
    """What is known about how a clip was made.

    `path` is one of its files, with `is_missing` if it was gone at the last ingest; `pattern` is the file-name
    pattern that matches it. `recorded` is the command line in the sidecar or in a tag. `template` is the name of
    the `[[recipe]]` that fits, `line` its command line, and `neighbours` the lines with other values.
    """

    clip: int
    path: str | None
    is_missing: bool
    sha256: str
    pattern: str | None
    sidecar: str | None
    values: tuple[RecipeValue, ...]
    tags: tuple[FileTag, ...]
    recorded: str | None
    template: str | None
    line: CommandLine | None
    neighbours: tuple[CommandLine, ...]
    notes: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the values that the neighbours' command lines lack, without neighbours the clip's own."""
        lines = self.neighbours or ((self.line,) if self.line else ())
        return tuple(dict.fromkeys(name for line in lines for name in line.missing))


def recipe(
    catalog: Catalog, terms: Terms, *, neighbours: Neighbours | None = None, template: str | None = None
) -> tuple[Recipe, ...]:
    """Return the recipes of the clips that a query matches, in its order.

    `template` names the `[[recipe]]` to use; by default each clip gets the first one that fits. Raises
    NotFoundError if no clip matches or no template has this name, ConfigError for a template with an unknown
    placeholder, and UsageError for neighbours that can't be made.
    """
    chosen = _named(catalog, template)
    wanted = neighbours or Neighbours({})
    with catalog.reading() as connection:
        rows = read_rows(catalog, connection, parse_terms(catalog, connection, terms))
        if not rows:
            raise no_match(catalog, connection, terms)
        known = read_known(connection, [row.id for row in rows])
        of_query = {
            each.query: set(select_ids(catalog, connection, [each.query], defaults=False))
            for each in chosen
            if each.query is not None
        }
        keys = frozenset(connection.scalars(select(attribute.c.key).distinct()))
    return tuple(_recipe(catalog, row, known[row.id], chosen, of_query, keys, wanted) for row in rows)


def _named(catalog: Catalog, name: str | None) -> tuple[RecipeTemplate, ...]:
    templates = catalog.settings.recipe
    if name is None:
        return templates
    found = tuple(each for each in templates if each.name == name)
    if not found:
        names = [f'"{each.name}"' for each in templates]
        known = (
            f"it has {any_of(names)}"
            if names
            else "it has no [[recipe]] (docs/recipes.md shows how to write one)"
        )
        raise NotFoundError(f'catalog.toml has no [[recipe]] named "{name}"; {known}')
    return found


def _recipe(
    catalog: Catalog,
    row: ClipRow,
    known: KnownValues,
    templates: Sequence[RecipeTemplate],
    of_query: Mapping[str, set[int]],
    keys: frozenset[str],
    wanted: Neighbours,
) -> Recipe:
    patterns = (*catalog.settings.provenance, *PATTERNS)
    path = _absolute(catalog, known)
    file = NO_FILE if path is None else read_statements(path, patterns)
    stored = {key: str(text) for key in ("run", "epoch", "step") if (text := getattr(row, key)) is not None}
    values = with_sources({**stored, **known.attributes}, known.corrected, file)
    by_name = {value.name: value.text for value in values} | _of_the_clip(row, known, catalog)
    fits = (
        each
        for each in templates
        if _fits(each, file.pattern, row.run) and (each.query is None or row.id in of_query[each.query])
    )
    found = next(fits, None)
    if found is not None:
        check_names(found, {*by_name, *keys})
    return Recipe(
        clip=row.id,
        path=known.path_text,
        is_missing=known.is_missing,
        sha256=known.sha256,
        pattern=file.pattern,
        sidecar=file.sidecar,
        values=values,
        tags=file.tags,
        recorded=shlex.join(file.command) or None,
        template=None if found is None else found.name,
        line=None if found is None else CommandLine(*found.filled(by_name)),
        neighbours=() if found is None else tuple(neighbouring(found, by_name, wanted)),
        notes=(*file.notes, *changed_since(values, file)),
    )


def _of_the_clip(row: ClipRow, known: KnownValues, catalog: Catalog) -> dict[str, str]:
    absolute = _absolute(catalog, known)
    path = None if absolute is None else absolute.decode("utf-8", "surrogateescape")
    length = None if row.seconds is None else f"{row.seconds:.3f}"
    values = (row.run, row.epoch, row.step, row.id, path, known.sha256, length, row.sample_rate, row.channels)
    return {name: str(value) for name, value in zip(OF_THE_CLIP, values, strict=True) if value is not None}


def _absolute(catalog: Catalog, known: KnownValues) -> bytes | None:
    return None if known.path is None else catalog.absolute(known.root, known.path)


def _fits(template: RecipeTemplate, pattern: str | None, run: str | None) -> bool:
    """Return whether the pattern of a file's name and its run meet a template's conditions."""
    return all(
        wanted is None or (value is not None and fnmatchcase(value.casefold(), wanted.casefold()))
        for wanted, value in ((template.pattern, pattern), (template.run, run))
    )
