"""Renderings as history: listed, and made again from what was frozen, whatever the song has become."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import delete, update

from tests.support import RATE, MakeCatalog, copy_folder
from thresher.catalog.catalog import Catalog
from thresher.catalog.files import sha256_file
from thresher.catalog.schema import clip, rendering, rendering_clip
from thresher.curation.clips import decisions as judging
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.diff import difference
from thresher.curation.renderings.history import renderings
from thresher.curation.renderings.render import RenderReport, render
from thresher.curation.renderings.verify import verify_song
from thresher.curation.songs.songs import rename_song, save_song
from thresher.errors import NotFoundError, UsageError

SERIAL = IngestOptions(executor="serial")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog) -> Path:
    """Five clips, one in stereo at another rate and one that is short, and a song of them."""
    home = tmp_path_factory.mktemp("template")
    clips = home / "clips"
    clips.mkdir()
    for index, (seconds, rate, channels) in enumerate(
        [(4, RATE, 1), (3.5, RATE, 1), (4.2, 22_050, 2), (3.7, RATE, 1), (2.9, RATE, 1)]
    ):
        noise = np.random.default_rng(index).normal(scale=0.1, size=(round(seconds * rate), channels))
        soundfile.write(clips / f"run_epoch_{index}_0.wav", noise, rate, "PCM_16")
    with new_catalog(home) as made:
        ingest(made, [clips], SERIAL)
        save_song(made, "Bone", [], {"ordering": "epoch+"})
    return home


@pytest.fixture
def catalog(template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A copy of the template, with the song rendered once."""
    copy_folder(template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        render(made, "Bone", tmp_path / "bone.wav")
        yield made


def again(catalog: Catalog, tmp_path: Path, number: int = 1, **options: Any) -> RenderReport:
    return render(catalog, "Bone", tmp_path / f"again{number}.wav", rendering=number, **options)


def same(report: RenderReport, tmp_path: Path) -> bool:
    return report.same_bytes is True and sha256_file(str(tmp_path / "bone.wav")) == report.sha256


def test_a_list_tells_what_each_was(catalog: Catalog, tmp_path: Path) -> None:
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
def test_it_comes_again_whatever_the_song_is_now(catalog: Catalog, tmp_path: Path, change: str) -> None:
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
        with catalog.writing() as connection:
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


def test_it_comes_again_wherever_its_content_lies(catalog: Catalog, tmp_path: Path) -> None:
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


def test_fades_shorter_than_the_setting_are_told_apart(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "Bone", None, {"fade": 30.0})  # of all clips, half is faded
    render(catalog, "Bone", tmp_path / "faded.wav")
    save_song(catalog, "Bone", None, {"fade": 0.0})
    report = again(catalog, tmp_path, 2)
    assert report.same_bytes
    assert report.sha256 == sha256_file(str(tmp_path / "faded.wav"))


def test_other_bytes_are_said_with_the_largest_difference(catalog: Catalog, tmp_path: Path) -> None:
    """As if another library had made the first one: its file and its hash are changed alike."""
    file = tmp_path / "bone.wav"
    samples, rate = soundfile.read(file, dtype="int16", always_2d=True)
    samples[1_000] += 8
    soundfile.write(file, samples, rate, soundfile.info(file).subtype)
    with catalog.writing() as connection:
        connection.execute(update(rendering).values(sha256=sha256_file(str(file))))
    report = again(catalog, tmp_path)
    assert report.same_bytes is False
    assert report.largest_difference == pytest.approx(8 / 32_768, rel=1e-3)
    # written over the first file, it is compared before that one goes
    over = render(catalog, "Bone", file, rendering=1)
    assert over.largest_difference == report.largest_difference
    assert render(catalog, "Bone", file, rendering=1).largest_difference is None


def test_a_dry_run_and_a_default_name(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planned = render(catalog, "Bone", rendering=1, dry_run=True)
    assert not (tmp_path / "Bone 1.wav").exists()
    made = render(catalog, "Bone", rendering=1)
    assert (planned.path, planned.number, planned.frames) == (made.path, made.number, made.frames)
    assert made.path == str(tmp_path / "Bone 1.wav")
    assert same(made, tmp_path)


def test_what_is_not_there_or_another_form_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no rendering 7; `thresher song renderings"):
        again(catalog, tmp_path, 7)
    with pytest.raises(UsageError, match=r"rendering 1 is WAV; give -o FILE\.wav"):
        render(catalog, "Bone", tmp_path / "again.flac", rendering=1)
    with pytest.raises(NotFoundError, match="no song named"):
        renderings(catalog, "Bony")


# -- verified ----------------------------------------------------------------------------------------------


def test_a_rendering_that_is_as_it_was(catalog: Catalog, tmp_path: Path) -> None:
    report = verify_song(catalog, "Bone")
    assert report.is_sound
    assert (report.number, report.clips, report.path, report.file) == (1, 5, "bone.wav", "unchanged")
    (tmp_path / "clips").rename(tmp_path / "elsewhere")
    ingest(catalog, [tmp_path / "elsewhere"], SERIAL)
    rename_song(catalog, "Bone", "Marrow")
    assert verify_song(catalog, "Marrow", 1).is_sound


@pytest.mark.parametrize("touched", ["source gone", "source changed", "file gone", "file changed"])
def test_what_became_of_files_is_told(catalog: Catalog, tmp_path: Path, touched: str) -> None:
    what, how = touched.split()
    path = tmp_path / ("bone.wav" if what == "file" else "clips/run_epoch_3_0.wav")
    if how == "gone":
        path.unlink()
    else:  # as large as before, and as old: only its content tells
        before = path.stat()
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    report = verify_song(catalog, "Bone")
    assert not report.is_sound
    expected = {
        "source gone": (("clips/run_epoch_3_0.wav",), (), "unchanged"),
        "source changed": ((), ("clips/run_epoch_3_0.wav",), "unchanged"),
        "file gone": ((), (), "missing"),
        "file changed": ((), (), "changed"),
    }
    assert (report.missing, report.changed, report.file) == expected[touched]
    assert report.faults == ()


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (
            delete(rendering_clip).where(rendering_clip.c.position == 2),
            "does not lie at the end of the one before",
        ),
        (delete(rendering_clip).where(rendering_clip.c.position == 4), "frames long, and its file"),
        (delete(rendering_clip), "lists no clip"),
        (update(rendering_clip).values(gain=0.5), "digest is that of other clips, gains or settings"),
        (update(rendering_clip).values(end_frame=rendering_clip.c.end_frame - 9), "do not fit their spans"),
        (update(rendering).values(query="epoch:7"), "digest"),
    ],
)
def test_an_account_that_does_not_add_up(catalog: Catalog, damage: Any, fault: str) -> None:
    with catalog.writing() as connection:
        connection.execute(damage)
    report = verify_song(catalog, "Bone")
    assert not report.is_sound
    assert any(fault in sentence for sentence in report.faults)
    assert report.file == "unchanged"


def test_what_was_never_rendered_says_how_to(catalog: Catalog) -> None:
    save_song(catalog, "Skull", [])
    with pytest.raises(NotFoundError, match='never rendered; `thresher song render "Skull"`'):
        verify_song(catalog, "Skull")


# -- compared ----------------------------------------------------------------------------------------------


def test_nothing_changed(catalog: Catalog) -> None:
    found = difference(catalog, "Bone")
    assert found.is_none
    assert (found.number, found.other, found.reasons) == (1, None, {})
    assert found.seconds[0] == found.seconds[1]


def test_every_clip_that_came_or_went_has_its_reason(catalog: Catalog, tmp_path: Path) -> None:
    """Clips 1 to 5 in order of epochs; 6 comes, 1 is rejected, 2 another epoch's, 3 trimmed anew."""
    save_song(catalog, "Bone", ["epoch:..8"])
    render(catalog, "Bone", tmp_path / "bone.wav")
    noise = np.random.default_rng(9).normal(scale=0.1, size=4 * RATE)
    soundfile.write(tmp_path / "clips" / "run_epoch_8_0.wav", noise, RATE)
    ingest(catalog, [tmp_path / "clips"], SERIAL)
    judging.reject(catalog, ["1"])
    judging.modify(catalog, ["2"], {"epoch": "90"})
    with catalog.writing() as connection:
        connection.execute(update(clip).where(clip.c.id == 3).values(start_frame=clip.c.start_frame + 441))
    found = difference(catalog, "Bone", 2)
    assert (found.new, found.gone, found.moved, found.retrimmed) == ((6,), (1, 2), (), (3,))
    assert found.reasons == {
        6: "ingested since",
        1: "rejected",
        2: "no longer matches the query",
        3: "re-analysed, with another span",
    }
    assert found.seconds == pytest.approx((18.3, 18.3 + 4 - 4 - 3.5 - 0.02), abs=0.01)
    assert difference(catalog, "Bone", 1, 2).settings == ("the query, which is in the file's tags, changed",)


def test_an_edited_query_and_limits_are_reasons(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "Bone", ["epoch:2.."], {"clips": 2})
    render(catalog, "Bone", tmp_path / "two.wav")
    now = difference(catalog, "Bone", 1)
    assert now.reasons == {
        1: "the query changed",
        2: "the query changed",
        5: "beyond the song's limits",
    }
    assert difference(catalog, "Bone", 1, 2).gone == now.gone
    back = difference(catalog, "Bone", 2, 1)
    assert back.new == now.gone
    assert set(back.reasons.values()) == {
        "the query changed",
        "rated or changed since, or now within the limits",
    }


def test_another_order_moves_clips(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"ordering": "epoch-"})
    found = difference(catalog, "Bone")
    assert len(found.moved) == 4  # one of them may be said to have stayed
    assert set(found.reasons.values()) == {"the ordering changed"}


def test_missing_files_are_a_reason(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "clips" / "run_epoch_1_0.wav").unlink()
    ingest(catalog, [tmp_path / "clips"], SERIAL)
    render(catalog, "Bone", tmp_path / "rest.wav", without_missing=True)
    assert difference(catalog, "Bone", 1, 2).reasons == {2: "its file is missing"}
