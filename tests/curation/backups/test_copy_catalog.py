"""Copies of a catalog in another database: every row, the ids that were given, and the same bytes of songs."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL, delete, select, update

from tests.support import POSTGRES, PREFIX_ONLY, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, schema
from thresher.catalog.safety import row_copy
from thresher.catalog.scores import scores
from thresher.catalog.settings.sections import CatalogSection
from thresher.curation.backups.copy_catalog import copy_catalog
from thresher.curation.clips.decisions import rate, tag, undo
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.verify import verify
from thresher.curation.renderings.render import render
from thresher.errors import CatalogError, UsageError
from thresher.progress import no_progress


def address_in(folder: Path) -> str:
    """The address of a database that does not exist, in the engine of the tests."""
    folder.mkdir()
    target = database.target_of(CatalogSection().database, folder)
    return target.render_as_string(hide_password=False) if isinstance(target, URL) else f"sqlite:///{target}"


def opened(catalog: Catalog, address: str) -> Catalog:
    """Open the copy of a catalog in its folder."""
    file = catalog.root / "copy.toml"
    file.write_text(f'{PREFIX_ONLY}[catalog]\ndatabase = "{address}"\n')
    return Catalog.open(file)


@pytest.fixture
def judged(bone: Catalog) -> Catalog:
    """The song of `bone`, rendered, with decisions of which one was undone, and a clip that was forgotten."""
    rate(bone, ["3"], 4)
    tag(bone, ["4"], add=["slow", "übel"])
    rate(bone, ["5"], 1)
    undo(bone)
    render(bone, "Bone", bone.root / "song.wav")
    forget(bone, 1)
    return bone


def forget(catalog: Catalog, number: int) -> None:
    """Remove a recording and its clip, which have the same id."""
    with writing(catalog) as connection:
        scores.retire(connection, [number])
        connection.execute(delete(schema.recording).where(schema.recording.c.id == number))


def test_a_copy_there_and_back_has_every_row_and_gives_the_same_bytes(
    judged: Catalog, tmp_path: Path
) -> None:
    song = (tmp_path / "song.wav").read_bytes()
    there = copy_catalog(judged, "sqlite:///copy.db")
    assert there.rows["clip"] == 7
    assert there.rows["decision"] == 5
    assert "safeguard" not in there.rows
    with opened(judged, "sqlite:///copy.db") as copy:
        address = address_in(tmp_path / "back")
        back = copy_catalog(copy, address)
    assert back.rows == there.rows
    assert (there.without_root, back.without_root) == (0, 7 if POSTGRES else 0)
    with opened(judged, address) as copy, judged.reading() as here, copy.reading() as connection:
        assert row_copy.first_difference(here, connection, no_progress) is None
    with opened(judged, address) as copy:
        found = verify(copy)
        assert found.is_sound, found
        report = render(copy, "Bone", tmp_path / "again.wav", rendering=1)
        assert report.same_bytes
        assert (tmp_path / "again.wav").read_bytes() == song


def test_a_copy_gives_no_id_that_the_catalog_gave_before(
    judged: Catalog, tmp_path: Path, serial: IngestOptions
) -> None:
    shutil.copy2(tmp_path / "clips/run_epoch_0_0.wav", tmp_path / "clips/new.wav")
    with open(tmp_path / "clips/new.wav", "ab") as file:
        file.write(b"another content")
    forget(judged, 8)
    (tmp_path / "clips/run_epoch_7_0.wav").unlink()
    copy_catalog(judged, "sqlite:///copy.db")
    with opened(judged, "sqlite:///copy.db") as copy:
        ingest(copy, [tmp_path / "clips"], serial)
        with copy.reading() as connection:
            ids = connection.scalars(select(schema.clip.c.id).order_by(schema.clip.c.id)).all()
    assert ids[:6] == [2, 3, 4, 5, 6, 7]
    assert min(ids[6:]) > 8


def test_a_missing_row_of_any_table_is_found(cut_clips: Catalog, tmp_path: Path) -> None:
    filled = [name for name, count in copy_catalog(cut_clips, "sqlite:///copy.db").rows.items() if count]
    assert {"batch", "clip", "decision", "location", "measure", "recording", "score_row"} <= {*filled}
    for name in filled:
        shutil.copy2(tmp_path / "copy.db", tmp_path / "less.db")
        keys = ", ".join(column.name for column in schema.metadata.tables[name].primary_key)
        with closing(sqlite3.connect(tmp_path / "less.db")) as raw:  # without foreign keys
            raw.execute(f"DELETE FROM {name} WHERE ({keys}) = (SELECT {keys} FROM {name} LIMIT 1)")
            raw.commit()
        with (
            opened(cut_clips, "sqlite:///less.db") as less,
            cut_clips.reading() as here,
            less.reading() as connection,
        ):
            different = row_copy.first_difference(here, connection, no_progress)
        assert different is not None
        assert different.split()[0] == name


def test_a_changed_value_is_named_with_its_row(judged: Catalog) -> None:
    copy_catalog(judged, "sqlite:///copy.db")
    with opened(judged, "sqlite:///copy.db") as copy:
        with writing(copy) as connection:
            connection.execute(update(schema.clip).where(schema.clip.c.id == 4).values(note="other"))
        with judged.reading() as here, copy.reading() as connection:
            assert row_copy.first_difference(here, connection, no_progress) == "clip 4"


def test_a_database_with_a_catalog_is_not_overwritten(judged: Catalog, tmp_path: Path) -> None:
    copy_catalog(judged, "sqlite:///copy.db")
    before = (tmp_path / "copy.db").read_bytes()
    with pytest.raises(UsageError, match=r"copy\.db exists already"):
        copy_catalog(judged, "sqlite:///copy.db")
    assert (tmp_path / "copy.db").read_bytes() == before
    with pytest.raises(UsageError, match="is the database of this catalog"):
        copy_catalog(judged, judged.settings.catalog.database)


def test_an_interrupted_copy_is_completed_by_the_same_command(judged: Catalog) -> None:
    def interrupted(_stage: str, done: int, _total: int) -> None:
        if done > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_catalog(judged, "sqlite:///copy.db", interrupted)
    assert copy_catalog(judged, "sqlite:///copy.db").rows["clip"] == 7


def test_a_damaged_catalog_is_not_copied(judged: Catalog, tmp_path: Path) -> None:
    with writing(judged) as connection:
        connection.exec_driver_sql("UPDATE clip SET rating = 5 WHERE id = 3")
    with pytest.raises(CatalogError, match="1 damaged row"):
        copy_catalog(judged, "sqlite:///copy.db")
    assert not (tmp_path / "copy.db").exists()
