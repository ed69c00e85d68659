"""The revisions of the schema: where they are, which this program knows, and how they run."""

from __future__ import annotations

import warnings
from pathlib import Path

from sqlalchemy import Connection

from thresher.errors import CatalogError


def migrations_folder() -> Path:
    """Return the folder of the migrations: in the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "migrations", package.parents[1] / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise CatalogError(f"the migrations of {package} are missing; install thresher again")


def newest_script() -> str:
    """Return the SQL script that creates the schema of the newest revision in an empty SQLite database."""
    return (migrations_folder() / "newest.sql").read_text(encoding="utf-8")


def known_revisions() -> list[str]:
    """Return all revisions that this program can read, the newest first."""
    from alembic.script import ScriptDirectory

    return [script.revision for script in ScriptDirectory(str(migrations_folder())).walk_revisions()]


def migrate(
    connection: Connection,
    folder: Path | None = None,
    revision: str = "head",
    *,
    former_metric: str | None = "prefix",
) -> None:
    """Run the revisions up to `revision` in the transaction of `connection`.

    `former_metric` is the metric that `score:` meant in queries before revision 0008, None if it means the same
    now.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder or migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["former_metric"] = former_metric
    with warnings.catch_warnings():
        # Alembic reflects the tables around a rebuilt one, and SQLAlchemy can't reflect the index over
        # expressions of `checkpoint`. A revision that rebuilds that table must create the index again.
        warnings.filterwarnings("ignore", message="Skipped unsupported reflection")
        command.upgrade(config, revision)
