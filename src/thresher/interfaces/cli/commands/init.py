"""The `init` and `config` commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from thresher.interfaces.cli.app import ADD, MAINTAIN, app, open_catalog
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import print_facts, print_json, say
from thresher.interfaces.plain import plain


@app.command(rich_help_panel=ADD)
def init(
    folder: Annotated[
        Path, typer.Argument(help="The folder of the catalog; created if it does not exist.")
    ] = Path(),
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A PostgreSQL database, such as postgresql+psycopg://user@host/name, instead of a file.",
        ),
    ] = None,
) -> None:
    """Create a catalog: catalog.toml and catalog.db in a folder.

    With --database, the catalog is in a database of a PostgreSQL server, which several machines can use. If that
    holds a catalog already, the folder joins it.
    """
    from thresher.catalog.catalog import Catalog

    with Catalog.create(folder, database) as catalog:
        if catalog.has_joined:
            done = f"{catalog.root} joined the catalog at {database}, which exists already"
        else:
            where = "" if database is None else f", with its database at {database}"
            done = f"created a catalog in {catalog.root}{where}"
        say(f"{done}; next: thresher ingest PATH")


@app.command(rich_help_panel=MAINTAIN)
def config(json: Json = False) -> None:
    """Show the settings in use, their file, and the program that makes fingerprints."""
    from thresher.signal.features.fingerprint import find_backend

    with open_catalog() as catalog:
        backend = find_backend(catalog.settings.fingerprint.backend)
        settings = plain(catalog.settings)
        settings["metrics"]["default"] = catalog.settings.metrics.default_metric
        settings["provenance"] = [
            {"name": pattern.name, "pattern": pattern.text} for pattern in catalog.settings.provenance
        ]
        found = {
            "file": str(catalog.file),
            "fingerprints": {"backend": backend.name, "version": backend.version},
            **settings,
        }
        if json:
            print_json(found)
            return
        say(f"settings of {catalog.file}; catalog.example.toml explains every key")
        print_facts(_flat(found))


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    """Turn nested settings into pairs of a dotted name and a value."""
    facts: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            facts += _flat(value, f"{prefix}{name}.")
        elif name == "provenance":
            facts += [(name, f"{entry['name']}: {entry['pattern']}") for entry in value]
        elif name == "recipe":
            facts += [(name, f"{entry['name']}: {entry['command']}") for entry in value]
        else:
            facts.append((f"{prefix}{name}", value))
    return facts
