"""What a report gathers: picks, spreads, what is missing, and catalogs that hold little."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

from tests.support import EVERY_METRIC, MakeCatalog, WriteClip, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, measure
from thresher.catalog.recordings import measures
from thresher.catalog.scores import score_reads, scores
from thresher.curation.clips.decisions import rate, reject
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.render import render
from thresher.curation.report.report import ReportCheckpoint, ReportData, report_data
from thresher.curation.songs.songs import save_song
from thresher.interfaces.report.view import Speaker, summary

Take = Callable[..., list[Path]]


@pytest.fixture
def full(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog that keeps scores by every metric."""
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(EVERY_METRIC)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made


@pytest.fixture
def take(write_clip: WriteClip, serial: IngestOptions) -> Take:
    """Write a clip of the run "night" for each of these epochs, in `runs`, and ingest them: clips 1, 2, ….

    Return their paths.
    """

    def run(catalog: Catalog, *epochs: int) -> list[Path]:
        paths = [
            write_clip(catalog.root / f"runs/night_e={epoch}({index})_t=0.9.wav", index)
            for index, epoch in enumerate(epochs)
        ]
        ingest(catalog, [catalog.root / "runs"], serial)
        return paths

    return run


def of_epoch(data: ReportData, epoch: int | None) -> ReportCheckpoint:
    (found,) = [each for each in data.checkpoints if each.row.epoch == epoch]
    return found


def ids_of(data: ReportData, epoch: int) -> list[int]:
    return [found.id for found in data.clips.values() if found.epoch == epoch]


def test_the_best_are_the_highest_rated_then_the_most_typical_then_the_badly_rated(
    full: Catalog, take: Take
) -> None:
    take(full, *[1] * 6)
    first, second, third, fourth, *_ = ids_of(report_data(full), 1)
    rate(full, [str(first)], 2)
    rate(full, [str(second)], 3)
    rate(full, [str(third)], 5)
    best = of_epoch(report_data(full), 1).best
    assert [(each.clip, each.reason) for each in best[:2]] == [(third, "rated"), (second, "rated")]
    assert (best[2].reason, best[2].clip >= fourth) == ("typical", True)


def test_without_ratings_the_best_is_the_medoid_and_the_oddest_resembles_no_other_clip(
    full: Catalog, take: Take
) -> None:
    take(full, *[1] * 7)
    data = report_data(full)
    ids = ids_of(data, 1)
    with full.reading() as connection:
        from thresher.signal.metrics.likeness import LIKENESS

        by = scores.metric_id(connection, LIKENESS.name, LIKENESS.version)
        matrix = score_reads.between(connection, by, ids).astype(np.float64)
    means, highest = np.nanmean(matrix, axis=1), np.nanmax(matrix, axis=1)
    found = of_epoch(data, 1)
    order = sorted(range(7), key=lambda at: (-means[at], ids[at]))
    assert [each.clip for each in found.best] == [ids[at] for at in order[:3]]
    assert [each.value for each in found.best] == pytest.approx([means[at] for at in order[:3]])
    rest = sorted(order[3:], key=lambda at: (highest[at], ids[at]))
    assert [each.clip for each in found.oddest] == [ids[at] for at in rest[:2]]
    assert [each.value for each in found.oddest] == pytest.approx([highest[at] for at in rest[:2]])


def test_without_likeness_no_clip_is_typical_or_odd_and_there_is_no_map(catalog: Catalog, take: Take) -> None:
    take(catalog, *[1] * 5)
    data = report_data(catalog)
    found = of_epoch(data, 1)
    assert ([each.reason for each in found.best], found.oddest) == (["first"] * 3, ())
    assert (data.has_likeness, data.points, data.duplicates) == (False, (), None)


def test_duplicates_are_reported_once_aligned_has_scores_even_if_it_is_not_in_use(
    catalog: Catalog, tmp_path: Path, write_clip: WriteClip, serial: IngestOptions
) -> None:
    from thresher.curation.comparison.duplicates import dupes

    write_clip(tmp_path / "runs/a.wav", 1, 6.0)
    soundfile.write(tmp_path / "runs/b.wav", soundfile.read(tmp_path / "runs/a.wav")[0] * 0.9, 16_000)
    ingest(catalog, [tmp_path / "runs"], serial)
    assert report_data(catalog).duplicates is None
    dupes(catalog)
    found = report_data(catalog).duplicates
    assert found is not None
    assert len(found.groups) == 1


def test_an_empty_catalog_has_an_empty_report(full: Catalog) -> None:
    data = report_data(full)
    assert (data.clips, data.checkpoints, data.points, data.songs) == ({}, (), (), ())
    assert data.duplicates is not None


def test_an_empty_catalog_without_aligned_reports_no_duplicates(catalog: Catalog) -> None:
    assert report_data(catalog).duplicates is None


def test_rejected_clips_are_left_out_unless_the_query_names_them(full: Catalog, take: Take) -> None:
    take(full, 0, 1, 2)
    reject(full, ["1"])
    data = report_data(full)
    assert sorted(data.clips) == [2, 3]
    assert {point.clip for point in data.points} == {2, 3}
    assert of_epoch(data, 0).clips == 0
    assert sorted(report_data(full, "rejected:yes").clips) == [1]


def test_a_query_leaves_out_checkpoints_without_a_clip_and_keeps_the_numbers_of_the_others(
    full: Catalog, take: Take
) -> None:
    take(full, 0, 0, 1, 1)
    rate(full, ["3"], 4)
    data = report_data(full, ["rating:4.."])
    (only,) = data.checkpoints
    assert (only.row.epoch, only.row.files, only.clips, sorted(data.clips)) == (1, 2, 1, [3])


def test_a_clip_has_the_absolute_path_of_its_file_and_none_if_the_file_is_missing(
    full: Catalog, take: Take
) -> None:
    here, gone = take(full, 1, 2)
    gone.unlink()  # the catalog has not seen that yet
    files = {found.epoch: found.file for found in report_data(full).clips.values()}
    assert files == {1: bytes(here.resolve()), 2: None}


def test_spreads_are_the_quartiles_of_the_clips_of_a_checkpoint(full: Catalog, take: Take) -> None:
    take(full, *[1] * 5, 2)
    with writing(full) as connection:
        connection.execute(measure.delete())
        for place, clip_id in enumerate(connection.scalars(select(clip.c.id).order_by(clip.c.id)).all()):
            known = {"silence": 0.0, "clipping": 0.0, "dc_offset": 0.0, "loop": place / 4}
            measures.store(connection, [(clip_id, known)])
    data = report_data(full)
    assert of_epoch(data, 1).spreads["loop"] == (0.25, 0.75)
    assert "noise" not in of_epoch(data, 1).spreads
    assert of_epoch(data, 2).spreads == {}


def test_a_song_lists_its_renderings_the_latest_first(full: Catalog, tmp_path: Path, take: Take) -> None:
    take(full, 0, 1, 2)
    save_song(full, "SONG", ["epoch:0..1"])
    render(full, "SONG", tmp_path / "one.wav")
    save_song(full, "SONG", ["epoch:0..2"])
    render(full, "SONG", tmp_path / "two.wav")
    (tmp_path / "one.wav").unlink()
    (song,) = report_data(full).songs
    assert [(made.number, made.file is None) for made in song.renderings] == [(2, False), (1, True)]


def test_players_of_parts_play_their_span_and_name_it(cut_clips: Catalog) -> None:
    data = report_data(cut_clips)
    assert set(data.clips) == {2, 3, 4, 5, 6, 7, 8, 9}
    assert {point.clip for point in data.points} == set(data.clips)
    speaker = Speaker(os.fsencode(cut_clips.root))
    part, mark, whole = (speaker.clip(data.clips[clip_id], "") for clip_id in (6, 8, 3))
    assert (part.url, part.path) == (
        "out/run_epoch_1_0.wav#t=6.000,11.000",
        "out/run_epoch_1_0.wav, part 2 of 3",
    )
    assert mark.url == "out/run_epoch_1_1.wav#t=1.000,3.000"
    assert (whole.url, whole.path) == ("out/run_epoch_1_1.wav", "out/run_epoch_1_1.wav")
    spread = of_epoch(data, 1).spreads["silence"]
    assert spread == pytest.approx((0, 0), abs=0.01)  # without that of the hidden whole


def test_what_clips_of_a_query_share_counts_once(cut_clips: Catalog) -> None:
    totals = summary(report_data(cut_clips, "epoch:1"))
    assert ("0:19", "of clips") in totals


def test_no_transaction_is_open_while_files_are_looked_for(
    full: Catalog, take: Take, touched_in_transactions: list[str]
) -> None:
    take(full, 1, 2)
    assert all(each.file for each in report_data(full).clips.values())
    assert touched_in_transactions == []
