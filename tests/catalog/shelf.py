"""A catalog of three contents whose files arrive, leave and are corrected, and reads of its locations."""

from __future__ import annotations

from sqlalchemy import func, insert, select

from tests.support import RATE, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import vacated_locations
from thresher.catalog.database.schema import batch, checkpoint, clip, location, recording
from thresher.catalog.files.paths import Place
from thresher.catalog.files.stamps import Stamp
from thresher.catalog.provenance.provenance import Provenance
from thresher.catalog.recordings import attribution, locations
from thresher.catalog.recordings.clip_content import ClipContent
from thresher.catalog.recordings.locations import Sighting
from thresher.catalog.recordings.recordings import Content


def content(status: str = "ok") -> Content:
    whole = ClipContent(0, 10, "{}", None, None, None, None, None)
    return Content(status, None, "WAV", "PCM_16", RATE, 1, 10, None, whole)


class Shelf:
    """Three contents and four paths; files arrive, leave and are corrected in any order."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        with writing(catalog) as connection:
            self.batch = int(
                connection.execute(
                    batch.insert().values(started_at=0.0, paths="[]", options="{}").returning(batch.c.id)
                ).scalar_one()
            )
            self.known = []
            for number in range(3):
                values = {"sha256": f"{number:064x}", "batch_id": self.batch, "role": "generated"}
                found = connection.scalar(
                    insert(recording).values({**values, **content().columns()}).returning(recording.c.id)
                )
                assert found is not None
                self.known.append(found)
                whole = {"recording_id": found, "kind": "whole", "ordinal": 0}
                connection.execute(insert(clip).values({**whole, **content().whole.columns()}))

    def arrive(self, which: int, path: int, epoch: int | None) -> None:
        stored = self.catalog.stored(self.catalog.root / f"{path}.wav")
        said = Provenance(None, epoch)
        folder_run = "folder" if epoch == 0 or path == 0 else None
        sighting = Sighting(
            stored,
            Stamp(1, 1, 1, 1),
            said,
            Provenance(),
            None,
            folder_run,
            sha256=f"{which:064x}",
            looked_at=1.0,
        )
        vacated = vacated_locations(self.catalog, {stored.place: f"{which:064x}"})
        with writing(self.catalog) as connection:
            locations.arrive(
                connection,
                self.known[which],
                sighting,
                vacated=vacated,
                new_batch=lambda: self.batch,
                now=1.0,
            )

    def leave(self, path: int) -> None:
        with writing(self.catalog) as connection:
            locations.mark_place_missing(connection, Place("", f"{path}.wav".encode()), 2.0)

    def correct(self, path: int, epoch: int) -> None:
        with writing(self.catalog) as connection:
            found = connection.scalars(select(location.c.id).where(location.c.path == f"{path}.wav".encode()))
            attribution.correct(connection, found.all(), Provenance(epoch=epoch), None)

    def assert_rule(self) -> None:
        """A recording's checkpoint is that of its earliest location that names an epoch, else a run."""
        with self.catalog.reading() as connection:
            for row in connection.execute(select(recording)).all():
                named = connection.execute(
                    select(checkpoint)
                    .join(location, location.c.checkpoint_id == checkpoint.c.id)
                    .where(location.c.recording_id == row.id)
                    .order_by(location.c.id)
                ).all()
                best = [each for each in named if each.epoch is not None] or named
                assert row.checkpoint_id == (best[0].id if best else None)
            seen = connection.scalars(select(location.c.path).where(location.c.missing_since.is_(None))).all()
            assert len(seen) == len(set(seen))


def places(catalog: Catalog) -> dict[str, tuple[int | None, bool]]:
    """Return path → (recording, missing) of each location; a missing one is marked as left."""
    with catalog.reading() as connection:
        rows = connection.execute(select(location).order_by(location.c.id)).all()
    return {
        f"{row.path_text}{' (left)' if row.missing_since else ''}": (
            row.recording_id,
            row.missing_since is not None,
        )
        for row in rows
    }


def present(catalog: Catalog) -> dict[str, int | None]:
    return {path: seen for path, (seen, missing) in places(catalog).items() if not missing}


def pairs(catalog: Catalog) -> int:
    with catalog.reading() as connection:
        return int(connection.scalar(select(func.count()).select_from(location)) or 0)
