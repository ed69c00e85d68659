"""Shapes of names and sidecars, and the groups of shapes from which the same values are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thresher.catalog.provenance.name_shapes import common_shape
from thresher.catalog.provenance.name_suggestions import Suggestion
from thresher.catalog.provenance.provenance import CHECKPOINT_KEYS

SHOWN_EXAMPLES = 3
"""How many examples a group has: files of its most frequent shapes."""


@dataclass(frozen=True)
class NameShape:
    """Files whose paths have the same shape and are read in the same way.

    `pattern` names the pattern that matched, if one did. `reads` maps run, epoch, step and attributes to their
    values in the `example`, and `sources` to where they come from: name, folder or sidecar. `is_named` says whether
    an epoch or a step is known; if not, `suggestion` may be a pattern to add to `catalog.toml`.
    """

    shape: str
    files: int
    example: str
    pattern: str | None
    reads: Mapping[str, str]
    sources: Mapping[str, str]
    is_named: bool
    suggestion: Suggestion | None


@dataclass(frozen=True)
class NameExample:
    """A file, and what is read from its name, folders and sidecar: `reads` and `sources` as in `NameShape`."""

    path: str
    reads: Mapping[str, str]
    sources: Mapping[str, str]


@dataclass(frozen=True)
class NameGroup:
    """Shapes from which the same values are read, by the same pattern, however they differ otherwise.

    `shape` is what the shapes have in common (`name_shapes.common_shape`), and `shapes` their number. `suggestion`
    reads all of their files; its values are those of the first example.
    """

    shape: str
    shapes: int
    files: int
    pattern: str | None
    examples: tuple[NameExample, ...]
    is_named: bool
    suggestion: Suggestion | None


def group_shapes(shapes: Sequence[NameShape]) -> tuple[NameGroup, ...]:
    """Group shapes, of which the most frequent come first; the groups with the most files come first, too."""
    groups: dict[tuple[object, ...], list[NameShape]] = {}
    for shape in shapes:
        groups.setdefault(_key(shape), []).append(shape)
    return tuple(sorted(map(_group, groups.values()), key=lambda group: (-group.files, group.shape)))


def _key(shape: NameShape) -> tuple[object, ...]:
    """Return what the shapes of a group share. Sidecars may hold different attributes."""
    sources = {
        key: source for key, source in shape.sources.items() if source != "sidecar" or key in CHECKPOINT_KEYS
    }
    suggested = None if shape.suggestion is None else shape.suggestion.pattern
    return shape.pattern, tuple(sorted(sources.items())), "sidecar" in shape.sources.values(), suggested


def _group(shapes: Sequence[NameShape]) -> NameGroup:
    first = shapes[0]
    different = {shape.shape: shape for shape in reversed(shapes)}
    examples = [shape for shape in shapes if different[shape.shape] is shape][:SHOWN_EXAMPLES]
    return NameGroup(
        shape=common_shape(list(different)),
        shapes=len(different),
        files=sum(shape.files for shape in shapes),
        pattern=first.pattern,
        examples=tuple(NameExample(shape.example, shape.reads, shape.sources) for shape in examples),
        is_named=first.is_named,
        suggestion=first.suggestion,
    )
