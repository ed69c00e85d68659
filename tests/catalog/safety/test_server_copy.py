"""Backups of a catalog on a server, and restores to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL, func, select

from tests.postgres_catalogs import needs_postgres
from tests.support import POSTGRES, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import back_up, backup_state
from thresher.catalog.database import database, schema
from thresher.catalog.safety import server_copy
from thresher.catalog.safety.backups import Backup, BackupPlace, find_backups, place_of
from thresher.catalog.safety.database_copy import check_copy
from thresher.catalog.safety.row_copy import row_counts
from thresher.curation.backups import restore
from thresher.curation.backups.restore import prepare_restore
from thresher.curation.clips.decisions import rate, tag, undo
from thresher.curation.clips.listing import list_clips
from thresher.errors import CatalogError, ReadOnlyCatalogError
from thresher.progress import no_progress

pytestmark = needs_postgres


def ratings(catalog: Catalog) -> list[int]:
    return [row.rating for row in list_clips(catalog, ["id+"])[:2] if row.rating]


def ids(catalog: Catalog) -> list[str]:
    return [str(row.id) for row in list_clips(catalog)]


@pytest.fixture
def backup(cut_clips: Catalog) -> Path:
    """A backup after which two clips were judged; the first clip is rated 4 in it."""
    first, second, third, *_ = ids(cut_clips)
    rate(cut_clips, [first], 3)
    undo(cut_clips)
    rate(cut_clips, [first], 4)
    made = Path(back_up(cut_clips).path)
    rate(cut_clips, [second], 5)
    tag(cut_clips, [third], add=["slow"])
    return made


def test_a_backup_is_a_catalog_in_one_file(cut_clips: Catalog, backup: Path) -> None:
    assert backup.parent == cut_clips.root
    assert [path.name for path in backup.parent.glob("*.db*")] == [backup.name]
    assert [each.path for each in backup_state(cut_clips).whole] == [backup]
    undo(cut_clips)
    undo(cut_clips)
    engine = database.connect(backup, 1.0)
    with cut_clips.reading() as server, database.reading(engine) as file:
        counts, now = row_counts(file), row_counts(server)
        assert now.pop("decision") == counts.pop("decision") + 4
        assert counts == now
        assert check_copy(backup).rows["clip"] == now["clip"] > 0


def test_a_restore_goes_back_and_keeps_what_it_replaces(cut_clips: Catalog, backup: Path) -> None:
    with cut_clips.reading() as connection:
        given = connection.scalar(select(func.max(schema.decision.c.id)))
    cut_clips.close()
    with prepare_restore(backup, cut_clips.file) as prepared:
        lost = {each.what: each.lost for each in prepared.report.differences if each.lost}
        report = prepared.carry_out()
    assert lost == {"decisions": 2, "ratings": 1, "tags": 1}
    with Catalog.open(cut_clips.file) as catalog:
        assert ratings(catalog) == [4]
        rate(catalog, ids(catalog)[-1:], 1)
        with catalog.reading() as connection:
            latest = connection.scalar(select(func.max(schema.decision.c.id)))
        assert latest == (given or 0) + 1  # no id that was given before
    assert report.kept is not None
    with prepare_restore(Path(report.kept), cut_clips.file) as prepared:
        prepared.carry_out()
    with Catalog.open(cut_clips.file) as catalog:
        assert ratings(catalog) == [4, 5]


def test_a_restore_waits_for_nobody_and_names_who_has_the_catalog_open(
    cut_clips: Catalog, backup: Path
) -> None:
    with cut_clips.reading() as connection:
        connection.exec_driver_sql("SELECT 1")
        with (
            prepare_restore(backup, cut_clips.file) as prepared,
            pytest.raises(CatalogError, match="is open in other programs"),
        ):
            prepared.carry_out()
    assert ratings(cut_clips) == [4, 5]


def test_a_restore_that_fails_in_the_middle_changes_nothing(cut_clips: Catalog, backup: Path) -> None:
    cut_clips.close()

    def failing(_stage: str, done: int, _total: int) -> None:
        if done > 20:
            raise KeyboardInterrupt

    url = database.target_of(cut_clips.settings.catalog.database, cut_clips.root)
    assert isinstance(url, URL)
    with pytest.raises(KeyboardInterrupt):
        server_copy.replace_on_server(url, 1.0, backup, lambda: None, failing)
    with Catalog.open(cut_clips.file) as catalog:
        assert ratings(catalog) == [4, 5]


def test_nothing_can_be_written_between_the_backup_of_a_restore_and_the_restore(
    cut_clips: Catalog, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_clips.close()
    url = database.target_of(cut_clips.settings.catalog.database, cut_clips.root)
    real = restore.make_backup

    def meddled(place: BackupPlace, undone: str) -> Backup:
        made = real(place, undone)
        other = database.connect(url, 0.05)
        with pytest.raises(CatalogError, match="is locked by another program"), database.writing(other):
            pass
        with pytest.raises(CatalogError, match="is locked by another program"):
            database.open_current(url, 0.05, Path)
        other.dispose()
        return made

    monkeypatch.setattr(restore, "make_backup", meddled)
    with prepare_restore(backup, cut_clips.file) as prepared:
        prepared.carry_out()
    with Catalog.open(cut_clips.file) as catalog:
        assert ratings(catalog) == [4]


def test_a_role_that_may_not_empty_the_tables_restores_nothing(cut_clips: Catalog, backup: Path) -> None:
    """Tables are emptied, because deleting each row of a long journal would take hours."""
    url = database.target_of(cut_clips.settings.catalog.database, cut_clips.root)
    assert isinstance(url, URL)
    assert POSTGRES is not None
    with POSTGRES.reader(url) as role:
        with writing(cut_clips) as connection:
            connection.exec_driver_sql(
                f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role.username}"
            )
        cut_clips.close()
        with pytest.raises(ReadOnlyCatalogError, match=f"the role {role.username} can't change"):
            server_copy.replace_on_server(role, 1.0, backup, lambda: None, no_progress)
    with Catalog.open(cut_clips.file) as catalog:
        assert ratings(catalog) == [4, 5]


def test_a_copy_that_differs_is_not_a_backup(cut_clips: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_copy, "first_difference", lambda *_: "clip 3")
    with pytest.raises(CatalogError, match="differs from its source at clip 3"):
        back_up(cut_clips)
    assert find_backups(place_of(cut_clips.root, cut_clips.settings)) == []
