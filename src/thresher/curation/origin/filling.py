"""Fill the templates of `[[recipe]]` with the values of a clip, or with other values: its neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from thresher.catalog.provenance.name_patterns import PATTERNS
from thresher.catalog.provenance.recipe_templates import RecipeTemplate
from thresher.catalog.provenance.sidecars import SYNONYMS
from thresher.catalog.queries.fields import close_names
from thresher.errors import ConfigError, UsageError
from thresher.formatting import any_of

MOST_NEIGHBOURS = 1_000

OF_THE_CLIP = ("run", "epoch", "step", "id", "path", "sha256", "length", "rate", "channels")
"""Placeholders that every clip can fill, besides its attributes."""

_COMMON = (
    "seed",
    "prompt",
    "negative_prompt",
    "steps",
    "top_k",
    "top_p",
    "duration",
    "description",
    "checkpoint",
)


@dataclass(frozen=True)
class CommandLine:
    """A command line, or None and the names of the values that it lacks.

    `changed` holds the values of a neighbour that differ from those of the clip.
    """

    command: str | None
    missing: tuple[str, ...] = ()
    changed: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Neighbours:
    """Which neighbours to make: other values by name, and a name whose whole number counts on `count` times.

    A name with several values gives one command line for each; several names give all combinations.
    """

    values: Mapping[str, Sequence[str]]
    vary: str | None = None
    count: int = 3


def check_names(template: RecipeTemplate, known: set[str]) -> None:
    """Raise ConfigError for a placeholder that no clip of the catalog can fill, with the names that are similar."""
    groups = {name for pattern in PATTERNS for name in pattern.regex.groupindex}
    everything = {*known, *OF_THE_CLIP, *_COMMON, *SYNONYMS.values(), *groups}
    for name in template.names:
        if name not in everything:
            near = [f"{{{each}}}" for each in close_names(name, everything)]
            advice = f"did you mean {any_of(near)}?" if near else "no clip has a value of that name"
            raise ConfigError(
                f'catalog.toml, [[recipe]] "{template.name}": unknown placeholder {{{name}}}; {advice} '
                "(`thresher fields` lists the attributes; write {{ and }} for braces)"
            )


def neighbouring(
    template: RecipeTemplate, values: Mapping[str, str], wanted: Neighbours
) -> Iterator[CommandLine]:
    """Yield the command lines of the neighbours that are wanted, given the values of the clip.

    Raises UsageError for a name that the template lacks, for a value without a next one, and for too many lines.
    """
    for name in (*wanted.values, *((wanted.vary,) if wanted.vary else ())):
        if name not in template.names:
            raise UsageError(
                f'the command of [[recipe]] "{template.name}" has no placeholder {{{name}}} '
                f"(expected {any_of(template.names) if template.names else 'none'})"
            )
    made = 0
    for texts in itertools.product(*wanted.values.values()):
        stated = dict(zip(wanted.values, texts, strict=True))
        for changed in _varied(values, stated, wanted):
            if (made := made + 1) > MOST_NEIGHBOURS:
                raise UsageError(f"these are more than {MOST_NEIGHBOURS:,} command lines; give fewer values")
            yield CommandLine(*template.filled({**values, **changed}), changed)


def _varied(
    values: Mapping[str, str], stated: Mapping[str, str], wanted: Neighbours
) -> Iterator[Mapping[str, str]]:
    """Yield the changed values: as stated, and with the next numbers of the name that varies."""
    if wanted.vary is None:
        if stated:
            yield stated
        return
    first = stated.get(wanted.vary, values.get(wanted.vary))
    if first is None:
        yield stated
        return
    if not first.lstrip("-").isdecimal():
        raise UsageError(
            f"{wanted.vary} is {first}, which is not a whole number, so that it has no next one; "
            f"`--set {wanted.vary}=VALUE` states other values"
        )
    for number in range(int(first) + 1, int(first) + 1 + wanted.count):
        yield {**stated, wanted.vary: str(number)}
