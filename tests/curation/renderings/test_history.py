"""Renderings as history: listed, and rendered again from the stored plan, even if the song has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import update

from tests.support import RATE, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, rendering
from thresher.catalog.files.files import sha256_file
from thresher.curation.clips import decisions as judging
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.history import renderings
from thresher.curation.renderings.render import RenderReport, render
from thresher.curation.songs.songs import rename_song, save_song
from thresher.errors import NotFoundError, UsageError


@pytest.fixture
def catalog(rendered: Catalog) -> Catalog:
    """Five clips and the song "Bone", rendered once."""
    return rendered


SERIAL = IngestOptions(executor="serial")


def again(catalog: Catalog, tmp_path: Path, number: int = 1, **options: Any) -> RenderReport:
    """Render a stored rendering again, to a file of its own."""
    return render(catalog, "Bone", tmp_path / f"again{number}.wav", rendering=number, **options)


def same(report: RenderReport, tmp_path: Path) -> bool:
    """Whether the file has the bytes of the first rendering."""
    return report.same_bytes is True and sha256_file(str(tmp_path / "bone.wav")) == report.sha256


def test_the_list_describes_each_rendering(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "Bone", ["epoch:1.."], {"ordering": "epoch-"})
    render(catalog, "Bone", tmp_path / "bone.flac")
    first, second = renderings(catalog, "Bone")
    assert (first.number, first.clips, first.query, first.ordering, first.container) == (
        1,
        5,
        "",
        "epoch+",
        "WAV",
    )
    assert (second.number, second.clips, second.query, second.ordering) == (2, 4, "epoch:1..", "epoch-")
    assert first.seconds == pytest.approx(4 + 3.5 + 4.2 + 3.7 + 2.9, abs=0.01)
    assert first.sha256 == sha256_file(str(tmp_path / "bone.wav"))
    assert {"thresher", "libsndfile", "soxr", "numpy"} <= set(second.versions)
    assert (first.path, second.path) == ("bone.wav", "bone.flac")


@pytest.mark.parametrize(
    "change", ["order", "query", "rejected", "new clips", "settings", "renamed", "retrimmed"]
)
def test_a_rendering_is_reproduced_after_the_song_changed(
    catalog: Catalog, tmp_path: Path, change: str
) -> None:
    if change == "order":
        save_song(catalog, "Bone", None, {"ordering": "shuffle:3"})
    elif change == "query":
        save_song(catalog, "Bone", ["epoch:2"])
    elif change == "rejected":
        judging.reject(catalog, ["epoch:..3"])
    elif change == "new clips":
        noise = np.random.default_rng(9).normal(scale=0.1, size=4 * RATE)
        soundfile.write(tmp_path / "clips" / "run_epoch_9_0.wav", noise, RATE)
        ingest(catalog, [tmp_path / "clips"], SERIAL)
    elif change == "settings":
        save_song(catalog, "Bone", None, {"sample_rate": 8_000, "channels": 1, "fade": 0.2})
    elif change == "retrimmed":
        with writing(catalog) as connection:
            connection.execute(update(clip).values(start_frame=clip.c.start_frame + 400))
    if change == "renamed":  # the title in the file is of its time
        rename_song(catalog, "Bone", "Marrow")
        rename_song(catalog, "Marrow", "Skull")
        report = render(catalog, "Skull", tmp_path / "again1.wav", rendering=1)
    else:
        report = again(catalog, tmp_path)
    assert (report.number, report.clips) == (1, 5)
    assert same(report, tmp_path)
    assert len(renderings(catalog, report.song)) == 1


def test_a_rendering_is_reproduced_from_moved_files(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "clips").rename(tmp_path / "elsewhere")
    ingest(catalog, [tmp_path / "elsewhere"], SERIAL)
    assert same(again(catalog, tmp_path), tmp_path)


def test_missing_files_are_named_and_nothing_is_written(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "clips" / "run_epoch_2_0.wav").unlink()
    with pytest.raises(NotFoundError, match=r"run_epoch_2_0\.wav"):
        again(catalog, tmp_path)
    with pytest.raises(UsageError, match="--without-missing"):
        again(catalog, tmp_path, without_missing=True)
    assert not (tmp_path / "again1.wav").exists()


def test_a_rendering_with_fades_longer_than_its_clips_is_reproduced(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "Bone", None, {"fade": 30.0})  # of all clips, half is faded
    render(catalog, "Bone", tmp_path / "faded.wav")
    save_song(catalog, "Bone", None, {"fade": 0.0})
    report = again(catalog, tmp_path, 2)
    assert report.same_bytes
    assert report.sha256 == sha256_file(str(tmp_path / "faded.wav"))


def test_other_bytes_are_reported_with_the_largest_difference(catalog: Catalog, tmp_path: Path) -> None:
    """The first file and its stored digest are changed, as if another version of a library had written it."""
    file = tmp_path / "bone.wav"
    samples, rate = soundfile.read(file, dtype="int16", always_2d=True)
    samples[1_000] += 8
    soundfile.write(file, samples, rate, soundfile.info(file).subtype)
    with writing(catalog) as connection:
        connection.execute(update(rendering).values(sha256=sha256_file(str(file))))
    report = again(catalog, tmp_path)
    assert report.same_bytes is False
    assert report.largest_difference == pytest.approx(8 / 32_768, rel=1e-3)
    # written over the first file, it is compared before that one goes
    over = render(catalog, "Bone", file, rendering=1)
    assert over.largest_difference == report.largest_difference
    assert render(catalog, "Bone", file, rendering=1).largest_difference is None


def test_a_rendering_is_written_to_its_name_and_number_by_default(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planned = render(catalog, "Bone", rendering=1, dry_run=True)
    assert not (tmp_path / "Bone 1.wav").exists()
    made = render(catalog, "Bone", rendering=1)
    assert (planned.path, planned.number, planned.frames) == (made.path, made.number, made.frames)
    assert made.path == str(tmp_path / "Bone 1.wav")
    assert same(made, tmp_path)


def test_an_unknown_rendering_song_or_another_format_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no rendering 7; `thresher song renderings"):
        again(catalog, tmp_path, 7)
    with pytest.raises(NotFoundError, match=f"no rendering {2**63}"):
        again(catalog, tmp_path, 2**63)
    with pytest.raises(UsageError, match=r"rendering 1 is WAV PCM_16; give -o FILE\.wav"):
        render(catalog, "Bone", tmp_path / "again.flac", rendering=1)
    with pytest.raises(NotFoundError, match="no song named"):
        renderings(catalog, "Bony")
