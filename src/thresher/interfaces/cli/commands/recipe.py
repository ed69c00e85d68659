"""The `recipe` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.interfaces.cli.app import DONE_IN_PART, FIND, app, open_catalog, terms_of
from thresher.interfaces.cli.options import Json, Query
from thresher.interfaces.cli.output import plain, print_facts, print_json, say, tell

if TYPE_CHECKING:
    from thresher.curation.origin.filling import CommandLine, Neighbours
    from thresher.curation.origin.recipe import Recipe
    from thresher.curation.origin.sources import RecipeValue

LONGEST_VALUE = 100
"""At most this many characters of a value or a tag are printed; --json writes all."""


@app.command(rich_help_panel=FIND)
def recipe(
    clips: Query,
    vary: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Also print the commands with the next whole numbers of NAME, such as seed."
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, max=1000, help="How many next numbers --vary uses. Default: 3.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Also print the command with another value. Repeatable, for several values and several names.",
        ),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Use the template of this name. Default: the first one that fits."),
    ] = None,
    commands: Annotated[bool, typer.Option("--commands", help="Print only the command lines.")] = False,
    json: Json = False,
) -> None:
    """Show how clips were made, and the command lines that make them or their neighbours again.

    The values come from the catalog, file names, sidecars and the tags inside the files, each with its source.
    The command lines come from the templates in catalog.toml (docs/recipes.md). Nothing is run. The
    exit code is 5 if a value of a command line is missing.
    """
    from thresher.curation.origin.recipe import recipe as find

    if json and commands:
        raise UsageError("--json contradicts --commands; use one of them")
    if count is not None and vary is None:
        raise UsageError("--count needs --vary NAME, whose next numbers it counts")
    with open_catalog() as catalog:
        found = find(
            catalog,
            terms_of(catalog, clips),
            neighbours=_neighbours(values or [], vary, 3 if count is None else count),
            template=template,
        )
    if json:
        print_json([{**plain(each), "missing": list(each.missing)} for each in found])
    for each in () if json else found:
        (_print_commands if commands else _print_recipe)(each)
    if any(each.missing or (commands and each.line is None) for each in found):
        raise typer.Exit(DONE_IN_PART)


def _neighbours(given: list[str], vary: str | None, count: int) -> Neighbours:
    from thresher.curation.origin.filling import Neighbours

    values: dict[str, list[str]] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise UsageError(f'"{each}" is not NAME=VALUE, as in --set temperature=0.9')
        values.setdefault(name, []).append(value)
    return Neighbours(values, vary, count)


def _print_commands(found: Recipe) -> None:
    lines = found.neighbours or ((found.line,) if found.line else ())
    for line in lines:
        if line.command is not None:
            tell(line.command)
    if found.line is None:
        say(f"clip {found.clip}: no [[recipe]] in catalog.toml fits")
    elif found.missing:
        say(f"clip {found.clip}: missing: {', '.join(found.missing)}")


def _print_recipe(found: Recipe) -> None:
    print_facts(
        [
            ("clip", found.clip),
            (
                "file",
                None if found.path is None else f"{found.path}{' (missing)' if found.is_missing else ''}",
            ),
            ("sha256", found.sha256),
            ("pattern", found.pattern),
            ("sidecar", found.sidecar),
            *((f"  {value.name}", _value_text(value)) for value in found.values),
            *((f"tag {tag.name}", value_text(tag.text)) for tag in found.tags),
            ("recorded", found.recorded),
            ("recipe", found.template),
            *([] if found.line is None else [("command", _line_text(found.line))]),
            *((_changed_text(line), _line_text(line)) for line in found.neighbours),
        ]
    )
    for note in found.notes:
        say(f"note: {note}")
    if found.template is None:
        say("no command: no [[recipe]] template in catalog.toml matches this clip (see docs/recipes.md)")


def _value_text(value: RecipeValue) -> str:
    place = f" {value.place}" if value.place else ""
    return (
        f"{value_text(value.text)}  (from the {value.source}{place})"
        if value.source != "corrected"
        else (f"{value_text(value.text)}  (corrected)")
    )


def _changed_text(line: CommandLine) -> str:
    return ", ".join(f"{name}={text}" for name, text in (line.changed or {}).items())


def _line_text(line: CommandLine) -> str:
    return line.command if line.command is not None else f"missing: {', '.join(line.missing)}"


def value_text(text: str) -> str:
    """Return a text on one line, cut after LONGEST_VALUE characters with the number of those left out."""
    line = " ".join(text.split())
    return (
        line
        if len(line) <= LONGEST_VALUE
        else f"{line[:LONGEST_VALUE]}… ({len(line) - LONGEST_VALUE:,} more characters)"
    )
