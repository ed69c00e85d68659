"""What says how a clip was made: the catalog, the file's name, its sidecar and its tags, read at this moment.

The catalog keeps the values, not where each of them came from. So a value's source is the first place that says the
same. A value that no place says any more came from an option of an ingest, or from a name, a sidecar or a tag that
has changed since.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from thresher.catalog.files.paths import display_text
from thresher.catalog.provenance.command_lines import flags_of
from thresher.catalog.provenance.file_tags import FileTag, read_tags_thoroughly
from thresher.catalog.provenance.name_patterns import Pattern
from thresher.catalog.provenance.provenance import CHECKPOINT_KEYS, infer
from thresher.catalog.provenance.sidecars import find_sidecar, read_command, read_sidecar
from thresher.catalog.provenance.tag_values import TagValue, command_in, values_in
from thresher.catalog.text.values import whole_number


@dataclass(frozen=True)
class RecipeValue:
    """One value of a recipe and its source.

    `source` is corrected, name, folder, sidecar, tag, command (a command line in a sidecar or a tag), or catalog:
    an option of an ingest, or an earlier reading. `place` names the sidecar or the tag.
    """

    name: str
    text: str
    source: str
    place: str | None = None


@dataclass(frozen=True)
class FileStatements:
    """What the name, the sidecar and the tags of a file say now.

    `pattern` is the file-name pattern that matches, `command` the words of the command line in the sidecar or in a
    tag. `notes` say what could not be read.
    """

    pattern: str | None
    by_name: Mapping[str, str]
    folders: frozenset[str]
    sidecar: str | None
    by_sidecar: Mapping[str, str]
    tags: tuple[FileTag, ...]
    by_tags: tuple[TagValue, ...]
    command: tuple[str, ...]
    notes: tuple[str, ...]


NO_FILE = FileStatements(
    None, {}, frozenset(), None, {}, (), (), (), ("the catalog knows no file of this clip",)
)


def read_statements(path: bytes, patterns: Sequence[Pattern]) -> FileStatements:
    """Read what a file says at an absolute path. If it is gone, its name still says what it did."""
    by_name = infer(path, patterns=patterns)
    sidecar, (by_sidecar, warning) = find_sidecar(path), read_sidecar(path)
    found = read_tags_thoroughly(path)
    notes = [warning] if warning else []
    if not os.path.exists(path):
        notes.append("the file is gone, so its tags are unknown")
    elif found.problem:
        notes.append(f"its tags could not be read in full: {found.problem}")
    elif not found.is_supported:
        notes.append("its format has no tags that can be read")
    return FileStatements(
        pattern=by_name.pattern,
        by_name=by_name.provenance.values(),
        folders=frozenset(display_text(path).split("/")[:-1]),
        sidecar=None if sidecar is None else display_text(os.path.basename(sidecar)),
        by_sidecar=by_sidecar,
        tags=found.tags,
        by_tags=values_in(found.tags),
        command=read_command(path) or command_in(found.tags),
        notes=tuple(notes),
    )


def with_sources(
    stored: Mapping[str, str], corrected: frozenset[str], file: FileStatements
) -> tuple[RecipeValue, ...]:
    """Return the values that the catalog stores with their sources, then those that only the file says."""
    values = [_stored_value(name, text, corrected, file) for name, text in stored.items()]
    more: dict[str, RecipeValue] = {}
    for value in _stated(file):
        if value.name not in stored:
            more.setdefault(value.name, value)
    return (*values, *more.values())


def changed_since(values: Sequence[RecipeValue], file: FileStatements) -> tuple[str, ...]:
    """Return a note for each value of the catalog that the file now states differently."""
    stated = {value.name: value for value in reversed(list(_stated(file)))}
    return tuple(
        f"{value.place or value.source} now says {value.name}={value.text}; "
        f"`thresher ingest --reread` reads it again"
        for value in (
            stated[each.name] for each in values if each.source == "catalog" and each.name in stated
        )
    )


def _stored_value(name: str, text: str, corrected: frozenset[str], file: FileStatements) -> RecipeValue:
    if name in corrected:
        return RecipeValue(name, text, "corrected")
    for value in _stated(file):
        if value.name == name and _is_same(name, value.text, text):
            return value if value.text == text else RecipeValue(name, text, value.source, value.place)
    if name == "run" and text in file.folders:
        return RecipeValue(name, text, "folder")
    return RecipeValue(name, text, "catalog")


def _stated(file: FileStatements) -> Iterator[RecipeValue]:
    """Yield what a file says, the more authoritative source first."""
    for name, text in file.by_name.items():
        yield RecipeValue(name, text, "name")
    for name, text in file.by_sidecar.items():
        yield RecipeValue(name, text, "sidecar", file.sidecar)
    for value in file.by_tags:
        yield RecipeValue(value.name, value.text, "tag", value.tag)
    for name, text in flags_of(file.command).items():
        yield RecipeValue(name, text, "command")


def _is_same(name: str, one: str, other: str) -> bool:
    is_count = name in CHECKPOINT_KEYS[1:]
    return one == other or (
        is_count and whole_number(one) is not None and whole_number(one) == whole_number(other)
    )
