"""Attributes in the tags of an audio file: what a generator wrote into the file itself.

docs/names.md describes them. Tags can be about anything, so only those count that are recognised: names such as
`seed`, JSON objects, graphs of ComfyUI, command lines, and numbers in comments such as `Seed: 42`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thresher.catalog.provenance.comfy_graph import graph_values, is_graph, is_workflow
from thresher.catalog.provenance.command_lines import command_of, flags_of, is_command
from thresher.catalog.provenance.file_tags import FileTag, read_tags
from thresher.catalog.provenance.generation_words import is_generation_name
from thresher.catalog.provenance.sidecars import (
    LARGEST_SIDECAR,
    MOST_SIDECAR_KEYS,
    json_attributes,
    parameters_of,
    read_sidecar,
)
from thresher.catalog.text.values import whole_number

PREFIX = "tag_"
"""The start of the name of an attribute whose key is a query field."""

MOST_COMMANDS = 10
"""At most this many tags are read as command lines, which takes long if they are long."""

_COMMENTS = ("comment", "description", "parameters", "software", "bext_description", "bext_coding_history")
_NUMBERS = (
    *("seed", "noise seed", "temperature", "temp", "steps", "cfg", "cfg scale", "guidance", "guidance scale"),
    *("top k", "top p", "strength", "denoise", "denoising strength", "epoch", "step"),
)
_NUMBER = re.compile(
    rf"(?<![\w-])({'|'.join(_NUMBERS).replace(' ', '[ _]')})\s*[:=]\s*(-?[0-9]+(?:\.[0-9]+)?)(?![\w.])",
    re.IGNORECASE,
)
"""A number in a comment, with its name before it."""


@dataclass(frozen=True)
class TagValue:
    """An attribute, and the name of the tag that holds it."""

    name: str
    text: str
    tag: str


def read_stated(path: bytes) -> tuple[dict[str, str], str | None]:
    """Return the attributes that the sidecar of an audio file and its tags state, and a warning about the sidecar.

    A value of the sidecar takes precedence.
    """
    stated, warning = read_sidecar(path)
    inside = {value.name: value.text for value in values_in(read_tags(path).tags)}
    return {**inside, **stated}, warning


def values_in(tags: Sequence[FileTag]) -> tuple[TagValue, ...]:
    """Return the attributes in tags. Of a name that occurs twice, the value from the more explicit place counts:

    a tag of that name, then JSON, then a command line, then a number in a comment. An epoch or a step that is not a
    whole number is left out.
    """
    found: dict[str, TagValue] = {}
    commands = list(itertools.islice(filter(_is_command, tags), MOST_COMMANDS))
    places = ((_named, tags), (_of_json, tags), (_of_command, commands), (_of_comment, tags))
    for read, of_tags in places:
        for tag in of_tags:
            for name, text in read(tag).items():
                if name in ("epoch", "step") and whole_number(text) is None:
                    continue
                if len(found) < MOST_SIDECAR_KEYS:
                    found.setdefault(name, TagValue(name, text, tag.name))
    return tuple(found.values())


def command_in(tags: Sequence[FileTag]) -> tuple[str, ...]:
    """Return the words of the first tag that is a command line; empty if none is."""
    return next((command_of(tag.text) for tag in tags if _is_command(tag)), ())


def _named(tag: FileTag) -> Mapping[str, str]:
    is_value = is_generation_name(tag.name) and not _is_json(tag)
    return parameters_of({tag.name: tag.text}, PREFIX) if is_value else {}


def _of_json(tag: FileTag) -> Mapping[str, str]:
    if not _is_json(tag):
        return {}
    try:
        content = json.loads(tag.text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return {}
    if is_workflow(content):
        return {}
    text = json.dumps(graph_values(content)) if is_graph(content) else tag.text
    return json_attributes(text, PREFIX)


def _of_command(tag: FileTag) -> Mapping[str, str]:
    return parameters_of(flags_of(command_of(tag.text)), PREFIX)


def _of_comment(tag: FileTag) -> Mapping[str, str]:
    is_comment = tag.name in _COMMENTS and len(tag.text) <= LARGEST_SIDECAR and not _is_json(tag)
    if not is_comment:
        return {}
    numbers = {match[1].replace(" ", "_").casefold(): match[2] for match in _NUMBER.finditer(tag.text)}
    return parameters_of(numbers, PREFIX)


def _is_json(tag: FileTag) -> bool:
    return tag.text.startswith("{") and tag.text.endswith("}") and len(tag.text) <= LARGEST_SIDECAR


def _is_command(tag: FileTag) -> bool:
    return not _is_json(tag) and tag.name != "lyrics" and is_command(tag.text)
