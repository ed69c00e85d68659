"""Re-analysis: spans and fingerprints are computed again, ids, ratings and tags stay."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import select, update

from tests.catalog.audio_files import encoded
from tests.support import RATE, dump, writing
from thresher.catalog.audio import reader
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import find_content
from thresher.catalog.database.schema import clip, recording, score_row
from thresher.catalog.files import files
from thresher.catalog.scores import scores
from thresher.catalog.settings.sections import trim_key
from thresher.curation.analysis import analyse
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse, reanalyse_clips
from thresher.curation.report.stats import stats
from thresher.signal.features.trim import Span


@pytest.fixture
def clips(catalog: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions) -> Path:
    """Clip 1 has a quiet start, 30 dB below its rest; clips 2 and 3 have an even level."""
    folder = tmp_path / "c"
    folder.mkdir()
    for index in range(3):
        y = sound(index, 4.0)
        if index == 0:
            y = np.concatenate([0.02 * sound(9, 1.0), y])
        soundfile.write(folder / f"r_epoch_{index}_0.wav", y, RATE)
    ingest(catalog, [folder], serial)
    return folder


def retrimmed(catalog: Catalog, top_db: float = 20.0) -> Catalog:
    catalog.file.write_text(f'[trim]\ntop_db = {top_db}\n[metrics]\nuse = ["prefix"]\n')
    return Catalog.open(catalog.file)


@pytest.mark.usefixtures("clips")
def test_the_same_settings_change_nothing(catalog: Catalog) -> None:
    before = dump(catalog)
    report = reanalyse(catalog, executor="serial")
    assert (report.analysed, report.changed, report.without_file) == (3, 0, ())
    assert report.scoring is not None
    assert report.scoring.pairs == 0
    assert dump(catalog) == before


def test_a_known_recording_keeps_its_decoder_until_it_is_analysed_again(
    catalog: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c").mkdir()
    path = tmp_path / "c" / "joined.ogg"
    soundfile.write(path, sound(1, 4.0), RATE)
    path.write_bytes(path.read_bytes() * 2)

    def state() -> tuple[str, str | None, float]:
        found = show_clip(catalog, "1")
        return found.clip.status, found.decoder, (found.frames or 0) / RATE

    with monkeypatch.context() as patch:
        patch.setattr(reader, "find_ffmpeg", lambda: None)
        patch.setattr(analyse, "find_ffmpeg", lambda: None)
        ingest(catalog, [path.parent], serial)
    assert state() == ("truncated", "libsndfile", 4.0)
    ingest(catalog, [path.parent], serial)
    reanalyse_clips(catalog, [1], executor="serial", retrim=False)
    assert state() == ("truncated", "libsndfile", 4.0)
    reanalyse(catalog, executor="serial")
    status, decoder, seconds = state()
    assert (status, decoder) == ("ok", "ffmpeg")
    assert seconds == pytest.approx(8.0, abs=0.1)


@pytest.mark.usefixtures("clips")
def test_only_changed_clips_are_scored_again(catalog: Catalog) -> None:
    judging.rate(catalog, ["1"], 4)
    judging.tag(catalog, ["1"], add=["riff"])
    before = show_clip(catalog, "1").clip
    with retrimmed(catalog) as other:
        assert stats(other).trimmed_otherwise == 3
        report = reanalyse(other, executor="serial")
        assert (report.analysed, report.changed) == (3, 1)
        assert report.scoring is not None
        assert (report.scoring.clips, report.scoring.pairs, report.scoring.live) == (1, 2, 3)
        assert stats(other).trimmed_otherwise == 0
        after = show_clip(other, "1").clip
        assert before.start is not None
        assert after.start is not None
        assert after.start > before.start + 0.9
        assert (after.id, after.rating, after.tags) == (1, 4, ("riff",))
        with other.reading() as connection:
            rows = connection.execute(
                select(score_row.c.position, score_row.c.clip_id, score_row.c.retired)
            ).all()
            assert scores.coverage(connection, 1).complete
        assert sorted(map(tuple, rows)) == [(0, 1, True), (1, 2, False), (2, 3, False), (3, 1, False)]


def test_reanalysis_gives_the_same_catalog_as_a_new_ingest(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    def spans(of: Catalog) -> list[Any]:
        with of.reading() as connection:
            return [tuple(row) for row in connection.execute(select(clip).order_by(clip.c.id))]

    with retrimmed(catalog) as other:
        reanalyse(other, executor="serial")
        by_command = spans(other)
        report = ingest(other, [clips], serial)
        assert (report.unchanged, report.reanalysed) == (3, 0)
    with retrimmed(catalog, 50.0) as back:
        ingest(back, [clips], serial)
    with retrimmed(catalog) as again:
        assert ingest(again, [clips], serial).reanalysed == 3
        assert spans(again) == by_command


def test_a_dry_run_counts_what_would_be_analysed_again(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    from dataclasses import replace

    shutil.copy(clips / "r_epoch_1_0.wav", clips / "x_epoch_9_0.wav")
    with retrimmed(catalog) as other:
        before = dump(other)
        dry = ingest(other, [clips], replace(serial, dry_run=True))
        assert dump(other) == before
        real = ingest(other, [clips], serial)
        assert (dry.reanalysed, dry.copies, dry.unchanged) == (3, 1, 0)
        assert (real.reanalysed, real.copies, real.unchanged) == (3, 1, 0)


def test_a_recording_forgotten_meanwhile_stays_forgotten(
    catalog: Catalog, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thresher.curation.ingest import reanalyse as module
    from thresher.curation.ingest.forget import forget

    analyse, before = module.analyse_file, {row.id for row in list_clips(catalog)}

    def meanwhile(task: Any) -> Any:
        if task.path.endswith(b"r_epoch_2_0.wav"):
            forget(catalog, str(clips / "r_epoch_2_0.wav"))
        return analyse(task)

    monkeypatch.setattr(module, "analyse_file", meanwhile)
    with retrimmed(catalog) as other:
        reanalyse(other, executor="serial")
        assert {row.id for row in list_clips(other)} == before - {3}


def test_reanalysis_reads_any_intact_copy_of_the_matching_clips(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    shutil.copy(clips / "r_epoch_1_0.wav", clips / "x_epoch_9_0.wav")
    ingest(catalog, [clips], serial)
    (clips / "r_epoch_1_0.wav").write_bytes(b"something else")
    (clips / "r_epoch_2_0.wav").unlink()
    with retrimmed(catalog) as other:
        assert reanalyse(other, ["epoch:0"], executor="serial").analysed == 1
        report = reanalyse(other, executor="serial")
        assert (report.analysed, report.without_file) == (2, (3,))
        assert [row.status for row in list_clips(other)] == ["ok"] * 3
        found = find_content(other, show_clip(other, "2").sha256)
        assert found is not None
        assert found.path == os.fsencode(clips / "x_epoch_9_0.wav")
        assert find_content(other, show_clip(other, "3").sha256) is None


def test_a_file_that_changes_after_it_was_hashed_is_not_stored(
    catalog: Catalog, clips: Path, sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new content must not replace the analysis of the old one."""
    path = clips / "r_epoch_1_0.wav"
    before = dump(catalog)
    real = files.sha256_file

    def hashed(given: bytes) -> str:
        digest = real(given)
        if os.fsdecode(given) == str(path):
            soundfile.write(path, sound(77, 6.0), RATE)
        return digest

    monkeypatch.setattr(files, "sha256_file", hashed)
    report = reanalyse(catalog, ["2"], executor="serial")
    assert (report.analysed, report.without_file) == (0, (2,))
    assert dump(catalog) == before


@pytest.mark.usefixtures("clips")
def test_a_file_that_is_removed_after_it_was_hashed_counts_as_without_file(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files.sha256_file

    def hashed(given: bytes) -> str:
        digest = real(given)
        os.unlink(given)
        return digest

    monkeypatch.setattr(files, "sha256_file", hashed)
    report = reanalyse(catalog, executor="serial")
    assert (report.analysed, report.without_file) == (0, (1, 2, 3))


@pytest.mark.usefixtures("clips")
def test_a_damaged_fingerprint_is_computed_again(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        whole = connection.scalar(select(clip.c.fingerprint).where(clip.c.id == 2))
    with writing(catalog) as connection:
        connection.execute(update(clip).where(clip.c.id == 2).values(fingerprint=bytes(len(whole or b""))))
    report = reanalyse_clips(catalog, [2], executor="serial")
    assert (report.analysed, report.changed) == (1, 1)
    with catalog.reading() as connection:
        assert connection.scalar(select(clip.c.fingerprint).where(clip.c.id == 2)) == whole


def test_a_rated_clip_without_a_file_is_not_changed(catalog: Catalog, clips: Path) -> None:
    judging.rate(catalog, ["3"], 2)
    (clips / "r_epoch_2_0.wav").unlink()
    before = dump(catalog)
    with retrimmed(catalog) as other:
        assert reanalyse(other, ["3"], executor="serial").without_file == (3,)
        assert dump(other) == before


def test_an_ingest_reports_known_files_that_new_settings_make_unusable(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    catalog.file.write_text('[trim]\nfloor_db = -1.0\n[metrics]\nuse = ["prefix"]\n')
    with Catalog.open(catalog.file) as deaf:
        report = ingest(deaf, [clips], serial)
        assert (report.reanalysed, dict(report.findings)) == (3, {"silent": 3})
        assert report.scoring is not None
        assert report.scoring.live == 0
    catalog.file.write_text("")
    with Catalog.open(catalog.file) as again:
        assert ingest(again, [clips], serial).reanalysed == 3
        assert [row.status for row in list_clips(again)] == ["ok"] * 3


@pytest.fixture
def with_offset(catalog: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions) -> Path:
    """A folder of two clips, of which the first has 3 s of offset around 4 s of sound; analysed by version 1."""
    folder = tmp_path / "o"
    folder.mkdir()
    y = np.pad(sound(1, 4.0)[:, 0], (RATE, 2 * RATE))
    soundfile.write(folder / "r_epoch_1_0.wav", y + 0.02, RATE)
    soundfile.write(folder / "r_epoch_2_0.wav", sound(2, 4.0), RATE)
    ingest(catalog, [folder], serial)
    with writing(catalog) as connection:
        connection.execute(update(clip).values(trim=trim_key(catalog.settings.trim, version=1)))
    reanalyse_clips(catalog, [1, 2], executor="serial", retrim=False)
    return folder


def test_a_new_version_of_trimming_changes_known_clips_only_by_reanalysis(
    catalog: Catalog, with_offset: Path, serial: IngestOptions
) -> None:
    assert [row.seconds for row in list_clips(catalog)] == [7.0, 4.0]
    os.utime(with_offset / "r_epoch_1_0.wav")
    before = dump(catalog, times=False, without=("location", "batch"))
    assert ingest(catalog, [with_offset], serial).reanalysed == 0
    assert dump(catalog, times=False, without=("location", "batch")) == before
    assert stats(catalog).trimmed_otherwise == 2


@pytest.mark.usefixtures("with_offset")
def test_reanalysis_reports_the_clips_with_another_span(catalog: Catalog) -> None:
    report = reanalyse(catalog, executor="serial")
    assert (report.analysed, report.changed) == (2, 1)
    (change,) = report.spans
    assert (change.clip_id, change.before, change.status) == (1, Span(0, 7 * RATE), "ok")
    assert change.after.frames / RATE == pytest.approx(4.0, abs=0.1)
    assert stats(catalog).trimmed_otherwise == 0
    assert reanalyse(catalog, executor="serial").spans == ()


def test_reanalysis_of_a_query_and_of_a_clip_whose_file_is_gone(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    with retrimmed(catalog, 30.0) as other:
        report = reanalyse(other, ["epoch:20"], executor="serial")
        assert report.analysed == 2
        (six_clips / "death_epoch_30_0.wav").unlink()
        report = reanalyse(other, executor="serial")
        assert (report.analysed, report.without_file) == (5, (5,))


FORMER_ROWS: dict[str, dict[str, Any]] = {
    "by ffmpeg, against libsndfile": {
        "status": "truncated",
        "reason": "damaged: Supported file format but file is malformed",
    },
    "by libsndfile alone": {
        "status": "truncated",
        "reason": "ends at 1.60 s: Supported file format but file is malformed",
        "sample_rate": 16_000,
        "frames": 25_600,
        "decoder": "libsndfile",
        "decoder_version": None,
    },
    "not at all": {
        "status": "unreadable",
        "reason": "Supported file format but file is malformed",
        "sample_rate": None,
        "frames": None,
        "container": None,
        "decoder": None,
        "decoder_version": None,
    },
}


@pytest.mark.parametrize("row", FORMER_ROWS.values(), ids=FORMER_ROWS)
def test_intact_opus_that_an_earlier_version_called_damaged_is_suggested_and_read(
    catalog: Catalog, tmp_path: Path, serial: IngestOptions, row: dict[str, Any]
) -> None:
    y = np.random.default_rng(0).normal(0, 0.1, (5 * RATE, 1))
    late = r"asetpts=PTS+between(T\,1.5\,2.5)*0.008/TB"  # libsndfile calls pages with such times malformed
    encoded(tmp_path / "r_epoch_1_0.ogg", y, "-af", late, "-c:a", "libopus", "-b:a", "32k", sr=RATE)
    ingest(catalog, [tmp_path / "r_epoch_1_0.ogg"], serial)
    judging.rate(catalog, ["1"], 4)
    assert stats(catalog).outdated == {}
    with writing(catalog) as connection:
        connection.execute(update(recording).values(row))
    assert stats(catalog).outdated == {row["status"]: 1}
    report = reanalyse(catalog, [f"status:{row['status']}"], executor="serial")
    assert [(each.clip_id, each.before, each.after) for each in report.statuses] == [(1, row["status"], "ok")]
    found = list_clips(catalog)[0]
    assert (found.status, found.seconds, found.rating) == ("ok", 5.0, 4)
    assert stats(catalog).outdated == {}


def test_damage_that_stays_is_suggested_once(catalog: Catalog, tmp_path: Path, serial: IngestOptions) -> None:
    path = encoded(tmp_path / "r_epoch_1_0.ogg", np.random.default_rng(0).normal(0, 0.1, (5 * RATE, 1)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    (tmp_path / "r_epoch_2_0.ogg").write_bytes(b"OggS" + bytes(5000))
    ingest(catalog, [tmp_path], serial)
    former = {"reason": "Supported file format but file is malformed", "decoder_version": None}
    with writing(catalog) as connection:
        connection.execute(update(recording).values(former))
    assert stats(catalog).outdated == {"truncated": 1, "unreadable": 1}
    report = reanalyse(catalog, executor="serial")
    assert report.statuses == ()
    assert stats(catalog).outdated == {}
