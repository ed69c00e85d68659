"""Check the content of a section of `catalog.toml`, and say in one sentence what is wrong with it.

pydantic is imported only for values that plain comparisons do not settle, because it would slow every listing down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from thresher.catalog.settings.sections import SECTIONS, hide_password
from thresher.errors import ConfigError
from thresher.formatting import any_of, shortened, unknown

_Keys = TypeVar("_Keys")
_UNKNOWN_KEY = "unexpected_keyword_argument"  # pydantic's word


def validated(section: type[_Keys], content: Mapping[str, object], where: str) -> _Keys:
    """Return the section with this content. Raises ConfigError for the first invalid key."""
    plain = _accepted(section, content)
    if plain is not None:
        return plain
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(section).validate_python(content)
    except ValidationError as error:
        # An unknown key is reported first, because a misspelt key may be the reason why another is missing.
        mistake = min(error.errors(), key=lambda mistake: mistake["type"] != _UNKNOWN_KEY)
        raise ConfigError(_complaint(section, content, where, mistake)) from error


def _accepted(section: type[_Keys], content: Mapping[str, Any]) -> _Keys | None:
    """Return the section with this content if plain comparisons show that pydantic accepts it, else None."""
    kinds = get_type_hints(section, include_extras=True)
    found = {}
    for key, value in content.items():
        kind: Any = kinds.get(key)
        if hasattr(kind, "__metadata__"):
            found[key] = kind.__metadata__[0].accepted(value, kind.__origin__)
        elif get_origin(kind) is tuple:
            found[key] = tuple(value) if type(value) is list and _are_words(value, kind) else None
        else:
            found[key] = value if _are_words([value], kind) else None
        if found[key] is None:
            return None
    try:
        return section(**found)
    except (TypeError, ValueError):  # a key is missing, or the section's own check fails
        return None


def _are_words(values: Sequence[object], kind: Any) -> bool:
    """Return whether a key of this kind takes all these words."""
    return all(type(value) is str and value in _words(kind) for value in values)


def _complaint(
    section: type[Any], content: Mapping[str, object], where: str, mistake: Mapping[str, Any]
) -> str:
    if not mistake["loc"]:  # a section's own check, which names the key itself
        return f"{where} {mistake['ctx']['error']}"
    key = mistake["loc"][0]
    if mistake["type"] == "missing":
        return f"{where.rstrip(',')}: {key} is missing"
    if mistake["type"] == _UNKNOWN_KEY:
        return f"{where} {key}: {_no_key(key, tuple(one.name for one in fields(section)))}"
    value: Any = content[key]
    kind = get_type_hints(section, include_extras=True)[key]
    if get_origin(kind) is tuple:  # a list of words
        words = get_args(get_args(kind)[0])
        if mistake["type"] == "literal_error":
            return f"{where} {key}: {shown(value[mistake['loc'][1]])} is not {any_of(words)}"
        expected = f"a list of {any_of(words)}, such as {shown(list(words[:1]))}"
    elif mistake["type"] == "literal_error":
        words = tuple(word for word in _words(kind) if word is not None)
        nearest = _nearest(value, words)
        expected = any_of(words) + (f'; did you mean "{nearest}"?' if nearest else "")
    else:
        expected = kind.__metadata__[0].instead_of(value, kind.__origin__)
    return f"{where} {key}: {shown(value)} is not {expected}"


def _words(kind: Any) -> Iterator[Any]:
    """Yield the words that a key takes, whether or not it may be absent."""
    for each in get_args(kind):
        yield from _words(each) if get_args(each) else (None if each is type(None) else each,)


def no_section(name: str) -> str:
    """Return why there is no section of this name, and which one is meant."""
    homes = [section for section, keys in SECTIONS.items() if name in {key.name for key in fields(keys)}]
    if homes:
        return f'"{name}" belongs below [{homes[0]}]'
    known = (*SECTIONS, "roots", "provenance", "recipe")
    nearest = _nearest(name, known)
    return (
        f'unknown section "{name}"; did you mean "{nearest}"?' if nearest else unknown("section", name, known)
    )


def _no_key(key: str, known: tuple[str, ...]) -> str:
    nearest = _nearest(key, known)
    if nearest:
        return f'no such key; did you mean "{nearest}"?'
    homes = [name for name, section in SECTIONS.items() if key in {one.name for one in fields(section)}]
    return (
        f"no such key; it belongs below [{homes[0]}]" if homes else f"no such key (expected {any_of(known)})"
    )


def _nearest(word: object, known: tuple[str, ...]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(str(word), known, n=1)), None)


def shown(value: object) -> str:
    """Return a value as a message shows it: as JSON, at most 80 characters, without a password."""
    import json

    shown = hide_password(value) if isinstance(value, str) else value
    text = json.dumps(shown, ensure_ascii=False, default=str)
    return shortened(text, 80)
