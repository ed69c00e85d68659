"""The command `copy-catalog`: what it reports, and what it says to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Command, MakeCatalog


@pytest.fixture
def home(new_catalog: MakeCatalog, tmp_path: Path) -> Path:
    """The folder of a new catalog."""
    new_catalog(tmp_path).close()
    return tmp_path


def test_a_copy_is_counted_and_can_be_opened(home: Path, command: Command) -> None:
    done = command("copy-catalog", "sqlite:///copy.db")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sqlite:///copy.db: 0 rows of ")
    assert "tables copied and compared" in done.stdout
    assert 'write database = "sqlite:///copy.db" under [catalog]' in done.stderr
    (home / "catalog.toml").write_text('[catalog]\ndatabase = "sqlite:///copy.db"\n')
    assert command("list").returncode == 0


def test_a_file_in_the_place_of_the_copy_stays(home: Path, command: Command) -> None:
    (home / "copy.db").write_bytes(b"diary")
    done = command("copy-catalog", "sqlite:///copy.db")
    assert done.returncode == 3
    assert "copy.db is not a SQLite database" in done.stderr
    assert (home / "copy.db").read_bytes() == b"diary"


@pytest.mark.parametrize(
    "address",
    ["copy.db", "mysql://x/y", "sqlite://", "postgresql+psycopg://", "postgresql+psycopg://a:b@c/d"],
)
@pytest.mark.usefixtures("home")
def test_what_is_not_an_address_is_refused(command: Command, address: str) -> None:
    done = command("copy-catalog", address)
    assert done.returncode == 3
    assert done.stderr.startswith("error: copy-catalog, database: ")
    assert "a:b" not in done.stderr
