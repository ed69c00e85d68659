"""Songs of real clips: a training run from its first epochs to a release."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from thresher.catalog.catalog import Catalog
from thresher.catalog.files.files import sha256_file
from thresher.catalog.scores import features
from thresher.curation.clips.listing import list_clips
from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.songs import export_song, export_stems
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.diff import difference
from thresher.curation.renderings.render import render
from thresher.curation.renderings.reproduce import reproduce
from thresher.curation.renderings.verify import verify_song
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.songs import save_song
from thresher.curation.songs.tracklist import tracklist
from thresher.signal.features.fingerprint import WORD_SECONDS
from thresher.signal.metrics.aligned import align

LATER = range(25, 33)


@pytest.fixture
def catalog(catalog: Catalog, corpus: Path, tmp_path: Path, serial: IngestOptions) -> Catalog:
    """The first 24 of 32 epochs of a SampleRNN."""
    shutil.copytree(corpus / "neural/jazz_samplernn/samples", tmp_path / "run/samples")
    (tmp_path / "later").mkdir()
    for epoch in LATER:
        (tmp_path / f"run/samples/ep{epoch}-s1.wav").rename(tmp_path / f"later/ep{epoch}-s1.wav")
    ingest(catalog, [tmp_path / "run"], serial)
    return catalog


@pytest.mark.long
def test_a_song_grows_with_a_run_and_is_edited_moved_exported_and_reproduced(
    catalog: Catalog, tmp_path: Path, serial: IngestOptions
) -> None:
    save_song(catalog, "JAZZ", ["epoch:1.."], {"ordering": "epoch+", "crossfade": 1.28})
    first = render(catalog, "JAZZ", tmp_path / "first.wav", manifest=True)
    assert first.clips == 24
    for epoch in LATER:
        (tmp_path / f"later/ep{epoch}-s1.wav").rename(tmp_path / f"run/samples/ep{epoch}-s1.wav")
    ingest(catalog, [tmp_path / "run"], serial)
    changed = difference(catalog, "JAZZ", 1)
    assert (len(changed.new), changed.gone, changed.moved) == (8, (), ())
    assert set(changed.reasons.values()) == {"ingested since"}
    edit_song(catalog, "JAZZ", SongEdit(first="epoch:12", last="epoch:5", drop=("epoch:9",)))
    second = render(catalog, "JAZZ", tmp_path / "second.flac")
    assert (second.number, second.clips) == (2, 31)
    assert verify_song(catalog, "JAZZ").is_sound
    (tmp_path / "run").rename(tmp_path / "moved")
    ingest(catalog, [tmp_path / "moved"], serial)
    again = render(catalog, "JAZZ", tmp_path / "again.wav", rendering=1)
    assert (again.same_bytes, sha256_file(str(tmp_path / "again.wav"))) == (True, first.sha256)
    for suffix in FORMATS:
        assert export_song(catalog, "JAZZ", tmp_path / f"jazz{suffix}").clips == 31
    assert len(export_stems(catalog, "JAZZ", tmp_path / "stems").stems) == 31
    elsewhere = reproduce(
        tmp_path / "first.wav.manifest.json", tmp_path / "moved", tmp_path / "elsewhere.wav"
    )
    assert elsewhere.same_bytes


def test_a_song_with_crossfades_is_as_long_as_the_one_that_the_authors_published(
    catalog: Catalog, corpus: Path, tmp_path: Path, serial: IngestOptions
) -> None:
    """The published song contains all epochs in order with overlaps; 1.28 s is the mean overlap."""
    ingest(catalog, [tmp_path / "later", corpus / "neural/jazz_samplernn/jazz_rnn.wav"], serial)
    save_song(catalog, "JAZZ", ["epoch:1.."], {"ordering": "epoch+", "crossfade": 1.28})
    plan = tracklist(catalog, "JAZZ")
    (theirs,) = list_clips(catalog, "jazz_rnn")
    with catalog.reading() as connection:
        (song,) = features.read(connection, [theirs.id], "fingerprint")
        clips = list(features.read(connection, [track.clip for track in plan.tracks], "fingerprint"))
    found = [align(song, clip) for clip in clips]
    starts = [each.offset * WORD_SECONDS for each in found]
    assert [track.epoch for track in plan.tracks] == list(range(1, 33))
    assert min(each.score for each in found) > 0.7
    assert all(3 < after - before < 4.6 for before, after in pairwise(starts))
    assert plan.seconds == pytest.approx(theirs.seconds, abs=0.5)
    ours = [track.output_start / plan.sample_rate for track in plan.tracks]
    # The authors did not trim the silence, half of full scale, at the ends of three clips.
    assert np.abs(np.subtract(ours, starts)).max() < 2.4
