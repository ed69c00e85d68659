"""Preview what an ingest would read from names and sidecars, for each shape of path, without an ingest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from thresher.catalog.catalog import Catalog
from thresher.catalog.files.paths import display_text
from thresher.catalog.provenance.name_patterns import PATTERNS, Pattern
from thresher.catalog.provenance.name_shapes import shape_of
from thresher.catalog.provenance.name_suggestions import suggest_for_all
from thresher.catalog.provenance.provenance import infer, run_of_folder
from thresher.catalog.provenance.sidecars import read_sidecar
from thresher.catalog.recordings.run_roots import RunRoots, read_run_roots
from thresher.catalog.settings.own_files import OwnFiles
from thresher.curation.ingest.exclude import Exclusion
from thresher.curation.ingest.name_groups import NameGroup, NameShape, group_shapes
from thresher.curation.ingest.reading import warnings_of
from thresher.curation.ingest.scan import FoundFile, Problem, scan


@dataclass(frozen=True)
class NamesPreview:
    """What an ingest would read: the shapes, the most frequent first, and what it would leave out or warn about.

    `groups` are the same shapes, grouped by the values that are read from them. `unnamed` counts the files of which
    neither an epoch nor a step is known. `ignored` files are not audio; `ignored_suffixes` counts them by suffix.
    """

    files: int
    unnamed: int
    ignored: int
    ignored_suffixes: Mapping[str, int]
    groups: tuple[NameGroup, ...]
    shapes: tuple[NameShape, ...]
    excluded: tuple[Exclusion, ...]
    warnings: tuple[str, ...]
    problems: tuple[str, ...]


def preview_names(
    paths: Sequence[str | bytes | os.PathLike[str]],
    patterns: Sequence[Pattern] = (),
    exclude: Sequence[str] = (),
    *,
    catalog: Catalog | None = None,
) -> NamesPreview:
    """Read the names and sidecars of the audio files at and below `paths`; no audio file is opened.

    `patterns` are those of the user, which are tried before those of the `catalog` and the built-in ones. Without
    a catalog, nothing is known about former ingests, whose folders name runs. Raises NotFoundError for a path that
    does not exist, UsageError for an invalid exclusion.
    """
    roots, own = RunRoots(display_text), None
    if catalog is not None:
        patterns = (*patterns, *catalog.settings.provenance)
        own = OwnFiles(catalog.file, catalog.settings)
        with catalog.reading() as connection:
            roots = read_run_roots(connection, catalog.roots)
    found = scan(paths, exclude, own=own)
    every = (*patterns, *PATTERNS)
    shapes: dict[tuple[object, ...], NameShape] = {}
    first: dict[tuple[object, ...], FoundFile] = {}
    warnings: list[str] = []
    for file in found.files:
        shape, notes = _read(file, every, roots.root_of(file.path, file.root))
        warnings += notes
        key: tuple[object, ...] = (shape.shape, shape.pattern, tuple(shape.sources.items()))
        known = shapes.get(key)
        first.setdefault(key, file)
        shapes[key] = shape if known is None else replace(known, files=known.files + 1)
    keys = sorted(shapes, key=lambda key: (-shapes[key].files, shapes[key].shape))
    unnamed = [key for key in keys if not shapes[key].is_named]
    suggested = suggest_for_all([(first[key].path, first[key].root) for key in unnamed])
    for key, suggestion in zip(unnamed, suggested, strict=True):
        shapes[key] = replace(shapes[key], suggestion=suggestion)
    ordered = [shapes[key] for key in keys]
    return NamesPreview(
        files=len(found.files),
        unnamed=sum(shape.files for shape in ordered if not shape.is_named),
        ignored=found.ignored,
        ignored_suffixes=found.ignored_suffixes,
        groups=group_shapes(ordered),
        shapes=tuple(ordered),
        excluded=found.excluded,
        warnings=tuple(warnings),
        problems=tuple(map(_problem_text, found.problems)),
    )


def _read(file: FoundFile, patterns: Sequence[Pattern], root: bytes) -> tuple[NameShape, tuple[str, ...]]:
    sidecar, warning = read_sidecar(file.path)
    by_name = infer(file.path, patterns=patterns).provenance.values()
    inference = infer(file.path, patterns=patterns, sidecar=sidecar)
    named = inference.provenance
    # an epoch or step that is not a number is kept as an attribute; the warning about it is enough here
    invalid = {key for key in ("epoch", "step") if getattr(named, key) is None}
    reads = {key: value for key, value in named.values().items() if key not in invalid}
    sources = {key: "name" if key in by_name else "sidecar" for key in reads}
    run = run_of_folder(file.path, root, patterns=patterns)
    if "run" not in reads and run is not None:
        reads, sources = {"run": run, **reads}, {"run": "folder", **sources}
    shape = NameShape(
        shape=shape_of(file.path, file.root),
        files=1,
        example=display_text(file.path),
        pattern=inference.pattern,
        reads=reads,
        sources=sources,
        is_named=len(invalid) < 2,
        suggestion=None,
    )
    return shape, warnings_of(file.path, inference, warning)


def _problem_text(problem: Problem) -> str:
    return f"{display_text(problem.path)}: {problem.reason}"
