"""`thresher init`, once and after a loss."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.postgres_catalogs import needs_postgres
from tests.support import POSTGRES, run_command


def test_init_refuses_to_start_twice(home: Path) -> None:
    before = (home / "catalog.toml").read_bytes()
    done = run_command("init", cwd=home)
    assert done.returncode == 3
    assert "exists already" in done.stderr
    assert (home / "catalog.toml").read_bytes() == before


@pytest.mark.sqlite_only("a database in a file, which can be renamed")
def test_init_replaces_a_lost_database(tmp_path: Path) -> None:
    assert run_command("init", cwd=tmp_path).returncode == 0
    (tmp_path / "catalog.toml").write_text("[trim]\ntop_db = 33.0\n")
    (tmp_path / "catalog.db").rename(tmp_path / "moved.db")
    lost = run_command("list", cwd=tmp_path)
    assert (lost.returncode, "`thresher init`" in lost.stderr) == (3, True)
    assert run_command("init", cwd=tmp_path).returncode == 0
    assert run_command("list", cwd=tmp_path).returncode == 0
    assert "33" in run_command("config", cwd=tmp_path).stdout


def test_init_refuses_a_password_and_an_address_that_it_can_not_use(tmp_path: Path) -> None:
    for address, message in (
        ("postgresql+psycopg://anna:secret@host/music", "holds a password; write it to ~/.pgpass"),
        ("postgresql+psycopg://anna@host/music?password=secret", "holds a password; write it to ~/.pgpass"),
        ("postgresql+psycopg://anna@corp:secret@host/music", "holds a password; write it to ~/.pgpass"),
        ("postgresql+psycopg://anna:se@cret:secret@host/music", "holds a password; write it to ~/.pgpass"),
        ("postgresql+psycopg://anna@host:port/music", "is not the address of a database such as"),
        ("mysql://anna:secret@host/music", "is not the address of a database such as"),
    ):
        done = run_command("init", "new", "--database", address, cwd=tmp_path)
        assert (done.returncode, message in done.stderr, "secret" in done.stderr) == (3, True, False), done
    assert not (tmp_path / "new").exists()


@needs_postgres
def test_init_creates_a_catalog_on_a_server_and_joins_it(tmp_path: Path) -> None:
    assert POSTGRES is not None
    url = POSTGRES.target_of("sqlite:///catalog.db", tmp_path / "server")
    assert isinstance(url, URL)
    address = url.render_as_string()
    for machine, said in (
        ("one", f"created a catalog in {tmp_path / 'one'}, with its database at {address}; next"),
        ("two", f"{tmp_path / 'two'} joined the catalog at {address}, which exists already; next"),
    ):
        done = run_command("init", machine, "--database", address, cwd=tmp_path)
        assert (done.returncode, said in done.stderr) == (0, True), done
        assert f'database = "{address}"' in (tmp_path / machine / "catalog.toml").read_text()
        assert not (tmp_path / machine / "catalog.db").exists()
    assert run_command("query", "save", "loud", "loudness:-20..", cwd=tmp_path / "one").returncode == 0
    assert "loud" in run_command("query", "list", cwd=tmp_path / "two").stdout
