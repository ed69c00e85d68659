"""Options that `ingest` and `watch` share, and the parsing of their values."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.errors import UsageError

Run = Annotated[
    str | None, typer.Option(help="The run that wrote the files. Default: from names and sidecars.")
]
Epoch = Annotated[
    int | None, typer.Option(min=0, help="The epoch of the files. Default: from names and sidecars.")
]
Step = Annotated[
    int | None,
    typer.Option(min=0, help="The step or iteration of the files. Default: from names and sidecars."),
]
Attributes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set an attribute of the files; can be repeated."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        help="Leave out files and folders that match, by the rules of .gitignore; can be repeated.",
    ),
]
Split = Annotated[
    bool | None,
    typer.Option(
        "--split/--no-split",
        help="Split new recordings at silences, see `thresher split`. Default: [trim] split of catalog.toml.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of workers. Default: one per core. A Dask cluster that exists uses all its workers.",
    ),
]


def with_jobs(executor: str, jobs: int | None) -> str:
    """Return the name of an executor with another number of workers, if this command starts them.

    Raises UsageError for several workers if the executor is `serial`.
    """
    kind = executor.partition(":")[0]
    if kind == "serial" and jobs not in (None, 1):
        raise UsageError(
            f'--jobs {jobs} contradicts [ingest] executor = "serial" in catalog.toml; leave out --jobs, or set '
            "another executor"
        )
    if jobs is None or kind == "serial" or "://" in executor:
        return executor
    return f"{kind}:{jobs}"


def assignments(texts: list[str], option: str) -> dict[str, str]:
    """Parse `key=value` texts. Raises UsageError for other texts and for keys that can't be attributes."""
    from thresher.catalog.provenance.provenance import check_key

    values = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not value:
            raise UsageError(f'{option} "{text}" is not key=value, as in temperature=0.95')
        try:
            check_key(key)
        except ValueError as error:
            raise UsageError(f"{option} {error}") from error
        values[key] = value
    return values
