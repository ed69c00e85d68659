"""Find `catalog.toml`, and read it into the settings of a catalog."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thresher.catalog.files.paths import ROOT_NAME, root_folder
from thresher.catalog.settings.sections import SECTIONS, CatalogSection, PatternEntry, RecipeEntry, Settings
from thresher.catalog.settings.validation import no_section, shown, validated
from thresher.errors import CatalogError, ConfigError

if TYPE_CHECKING:
    from thresher.catalog.provenance.name_patterns import Pattern
    from thresher.catalog.provenance.recipe_templates import RecipeTemplate

FILE_NAME = "catalog.toml"
ENVIRONMENT_VARIABLE = "THRESHER_CATALOG"

STARTER = """\
# Settings of a thresher catalog. This file marks the catalog's folder. Settings that are not here have defaults.
# catalog.example.toml, in the project's folder and documentation, lists every key with its default.

[catalog]
# database = "sqlite:///catalog.db"    # relative to this file

[trim]
# top_db = 50.0                        # trim ends this many decibels below the clip's own peak

# The names of your files, if thresher does not know them. Groups: run, epoch, step; others become attributes.
# [[provenance]]
# name = "my network"
# pattern = '(?P<run>[^/]+)_ep(?P<epoch>\\d+)_it(?P<step>\\d+)'
"""
"""The content of a new catalog's `catalog.toml`."""


def starter(address: str | None) -> str:
    """Return the content of a new catalog.toml whose database is at `address`, by default the file catalog.db."""
    if address is None:
        return STARTER
    import json

    line = '# database = "sqlite:///catalog.db"    # relative to this file'
    return STARTER.replace(line, f"database = {json.dumps(address)}")


def settings_of_database(address: str | None, source: str = "--database,") -> Settings:
    """Return the default settings for a database.

    Raises ConfigError, which begins with the `source` of the address, if it is not that of a database.
    """
    if address is None:
        return Settings()
    return Settings(catalog=validated(CatalogSection, {"database": address}, source))


_CORRECT = f"; correct it, or name another {FILE_NAME}"


def find_catalog(explicit: Path | None, environ: Mapping[str, str], start: Path) -> Path:
    """Return the catalog's file: `explicit`, else $THRESHER_CATALOG, else the nearest `catalog.toml` above `start`.

    A folder means the catalog.toml in it. Raises CatalogError if there is none, or if the file that `explicit`
    or the variable names does not exist.
    """
    named = environ.get(ENVIRONMENT_VARIABLE)
    for source, given in (
        ("--catalog", explicit),
        (f"${ENVIRONMENT_VARIABLE}", Path(named) if named else None),
    ):
        if given is not None:
            if os.path.isfile(given / FILE_NAME):
                return given / FILE_NAME
            if not os.path.isfile(given):
                what = f"no {FILE_NAME} in" if os.path.isdir(given) else "no file"
                raise CatalogError(
                    f'{source}: there is {what} "{given}"; `thresher init` creates a new catalog'
                )
            return given
    start = Path(os.path.abspath(start))
    for folder in (start, *start.parents):
        # Unlike Path.is_file, this returns False for a folder without permission.
        if os.path.isfile(folder / FILE_NAME):
            return folder / FILE_NAME
    raise CatalogError(
        f'there is no {FILE_NAME} in "{start}" or above; `thresher init` creates one, --catalog FILE uses another'
    )


def load_settings(path: Path) -> Settings:
    """Read the settings in the file at `path`; settings that are not in it have their defaults.

    Raises ConfigError with the file, the section, the key, the value and the expected value.
    """
    document = _document(path)
    provenance = document.pop("provenance", [])
    recipes = document.pop("recipe", [])
    roots = document.pop("roots", {})
    for name in document:
        if name not in SECTIONS:
            raise ConfigError(f"{path.name}: {no_section(name)}")
    return Settings(
        **{name: _section(path.name, name, document[name]) for name in document},
        roots=_roots(path, roots),
        provenance=_patterns(path.name, provenance),
        recipe=_recipes(path.name, recipes),
    )


def _document(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError as error:
        raise CatalogError(f'there is no file "{path}"; `thresher init` creates a new catalog') from error
    except OSError as error:
        raise ConfigError(f'"{path}" could not be read: {error.strerror or error}') from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        raise ConfigError(
            f"{path.name} is not UTF-8 text (at line {line}, column {column}){_CORRECT}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}{_CORRECT}") from error


def _section(file: str, name: str, content: object) -> Any:
    if not isinstance(content, dict):
        raise ConfigError(
            f"{file}, {name}: {shown(content)} is not a section; write [{name}] and its keys below it"
        )
    return validated(SECTIONS[name], content, f"{file}, [{name}]") if content else SECTIONS[name]()


def _roots(file: Path, content: object) -> dict[str, str]:
    if not isinstance(content, dict):
        raise ConfigError(
            f"{file.name}, roots: {shown(content)} is not a section; write [roots] and names below it"
        )
    names: dict[str, str] = {}
    for name, folder in content.items():
        where = f"{file.name}, [roots] {name}:"
        if ROOT_NAME.fullmatch(name) is None:
            raise ConfigError(f"{where} the name of a root has letters, digits, - and _ only")
        if not isinstance(folder, str) or not folder or "\0" in folder:
            raise ConfigError(f'{where} {shown(folder)} is not a folder such as "/mnt/audio"')
        other = names.setdefault(root_folder(file.parent, folder), name)
        if other != name:
            raise ConfigError(f"{where} {shown(folder)} is the folder of the root {other} already")
    return dict(content)


def _patterns(file: str, content: object) -> tuple[Pattern, ...]:
    entries = _entries(file, "provenance", content, "name and pattern")
    return tuple(_pattern(_entry_at(file, "provenance", number, entry), entry) for number, entry in entries)


def _recipes(file: str, content: object) -> tuple[RecipeTemplate, ...]:
    found: dict[str, RecipeTemplate] = {}
    for number, entry in _entries(file, "recipe", content, "name and command"):
        where = _entry_at(file, "recipe", number, entry)
        template = _recipe(where, entry)
        if found.setdefault(template.name, template) is not template:
            raise ConfigError(f"{where}: another template has this name already; give each a name of its own")
    return tuple(found.values())


def _entries(file: str, name: str, content: object, keys: str) -> list[tuple[int, Mapping[str, object]]]:
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise ConfigError(f"{file}, {name}: write [[{name}]], with {keys} below it")
    return list(enumerate(content, 1))


def _entry_at(file: str, section: str, number: int, content: Mapping[str, object]) -> str:
    name = content.get("name")
    return f"{file}, [[{section}]] {shown(name) if isinstance(name, str) and name else f'number {number}'}"


def _recipe(where: str, content: Mapping[str, object]) -> RecipeTemplate:
    from thresher.catalog.provenance.recipe_templates import RecipeTemplate, Template, parse_template

    entry = validated(RecipeEntry, content, f"{where},")

    def parsed(key: str, text: str) -> Template:
        try:
            return parse_template(text, is_command=key == "command")
        except ValueError as error:
            raise ConfigError(f"{where}, {key}: {error}") from error

    return RecipeTemplate(
        entry.name,
        parsed("command", entry.command),
        entry.pattern,
        entry.run,
        entry.query,
        None if entry.checkpoint is None else parsed("checkpoint", entry.checkpoint),
    )


def _pattern(where: str, content: Mapping[str, object]) -> Pattern:
    from thresher.catalog.provenance.provenance import compile_pattern

    entry = validated(PatternEntry, content, f"{where},")
    try:
        return compile_pattern(entry.name, entry.pattern)
    except ValueError as error:
        raise ConfigError(f"{where}, pattern: {shown(entry.pattern)}: {error}") from error
