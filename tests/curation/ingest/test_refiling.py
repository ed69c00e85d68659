"""Known paths are stored again when their folder becomes a root; tests of whole ingests: test_several_machines."""

from __future__ import annotations

from sqlalchemy import insert, select

from tests.catalog.scored_clips import add_clips
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import location
from thresher.catalog.files.paths import Roots
from thresher.curation.ingest.refiling import find_misfiled, refile


def add(catalog: Catalog, recording_id: int, path: str, root: str = "", missing: float | None = None) -> None:
    text = f"{root}:{path}" if root else path
    values = {"recording_id": recording_id, "batch_id": 1, "path": path.encode(), "path_text": text}
    with writing(catalog) as connection:
        connection.execute(
            insert(location).values(**values, root=root, size=1, mtime_ns=1, missing_since=missing)
        )


def refiled(catalog: Catalog) -> int:
    """Refile all locations; return how many were misfiled."""
    misfiled = find_misfiled(catalog)
    catalog.write(lambda connection: refile(connection, misfiled))
    return len(misfiled)


def locations(catalog: Catalog) -> list[tuple[int, str, bool]]:
    with catalog.reading() as connection:
        columns = (location.c.recording_id, location.c.path_text, location.c.missing_since)
        rows = connection.execute(select(*columns).order_by(location.c.id))
        return [(number, text, bool(since)) for number, text, since in rows]


def test_locations_below_a_new_root_are_stored_under_it(catalog: Catalog) -> None:
    add_clips(catalog, [1, 2, 3])
    add(catalog, 1, "/mnt/audio/a.wav")
    add(catalog, 2, "/mnt/audio/gone.wav", missing=5.0)
    add(catalog, 3, "/mnt/audiobooks/b.wav")
    assert refiled(catalog) == 0
    catalog.roots = Roots(catalog.root, {"corpus": b"/mnt/audio"})
    assert refiled(catalog) == 2
    assert locations(catalog) == [
        (1, "corpus:a.wav", False),
        (2, "corpus:gone.wav", True),
        (3, "/mnt/audiobooks/b.wav", False),
    ]
    assert refiled(catalog) == 0


def test_a_location_that_is_there_already_stays_alone(catalog: Catalog) -> None:
    add_clips(catalog, [1, 2, 3])
    add(catalog, 1, "a.wav", "corpus")
    add(catalog, 1, "/mnt/audio/a.wav")
    add(catalog, 2, "b.wav", "corpus")
    add(catalog, 3, "/mnt/audio/b.wav")  # other content, which an ingest of this machine saw there
    catalog.roots = Roots(catalog.root, {"corpus": b"/mnt/audio"})
    assert refiled(catalog) == 2
    assert locations(catalog) == [
        (1, "corpus:a.wav", False),
        (2, "corpus:b.wav", False),
        (3, "corpus:b.wav", True),
    ]
