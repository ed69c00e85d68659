"""Exports of clips: copies, spans and links; names; and which files are never replaced."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import Connection, Engine, insert, select, update

from tests.support import PREFIX_ONLY, RATE, MakeCatalog, copy_folder, for_processes, run_command, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database
from thresher.catalog.database.schema import clip, recording
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.exports.clips import ExportReport, Form, export_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.errors import CatalogError, NotFoundError, UsageError

FORMS: tuple[Form, ...] = ("copy", "trimmed", "link")

Take = Callable[..., None]


@pytest.fixture
def take(catalog: Catalog, serial: IngestOptions) -> Take:
    """Ingest paths without scoring them."""

    def run(*paths: Path | bytes) -> None:
        ingest(catalog, [os.fsdecode(path) for path in paths], replace(serial, score=False))

    return run


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, write_clip: Any, serial: IngestOptions
) -> Path:
    """The folder that `clips` copies."""
    home = tmp_path_factory.mktemp("four")
    for index in range(3):
        write_clip(home / "a" / f"r_epoch_1_{index}.wav", index, 1.0)
    write_clip(home / "b" / "r_epoch_2_0.flac", 9, 1.0)
    new_catalog(home).close()
    (home / "catalog.toml").write_text(PREFIX_ONLY)
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "a", home / "b"], replace(serial, score=False))
    return home


@pytest.fixture
def clips(catalog: Catalog, template: Path) -> Path:
    """Clips 1 to 4: three files, and one in another folder."""
    copy_folder(template, catalog.root)
    return catalog.root


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of the export, which does not exist yet."""
    return tmp_path / "out"


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The transactions that read, as they begin."""
    begun: list[object] = []
    reading = database.reading

    def counted(engine: Engine) -> AbstractContextManager[Connection]:
        begun.append(engine)
        return reading(engine)

    monkeypatch.setattr(database, "reading", counted)
    return begun


def states(report: ExportReport) -> list[str]:
    return [file.state for file in report.files]


def counts(report: ExportReport) -> tuple[int, ...]:
    return (
        report.written,
        report.there_already,
        report.refused,
        report.missing,
        report.failed,
        report.bytes,
    )


def dump(folder: Path) -> dict[bytes, tuple[int, int, bytes]]:
    """Inode, time and content of everything below a folder, except the files of the catalog."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.name.startswith("catalog."):
            status = path.lstat()
            content = (
                os.fsencode(os.readlink(path))
                if path.is_symlink()
                else path.read_bytes()
                if path.is_file()
                else b""
            )
            found[os.fsencode(path)] = (status.st_ino, status.st_mtime_ns, content)
    return found


def files_of(folder: Path) -> dict[bytes, tuple[int, int, bytes]]:
    """The same as `dump` without folders, because temporary files change the times of those."""
    return {path: state for path, state in dump(folder).items() if not os.path.isdir(path)}


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def cut(catalog: Catalog, clip_id: int, start: int, end: int) -> None:
    """Give a clip another span."""
    with writing(catalog) as connection:
        connection.execute(update(clip).where(clip.c.id == clip_id).values(start_frame=start, end_frame=end))


def decoded(path: Path) -> np.ndarray:
    """All samples of a file. `soundfile.read` is not used, because it seeks first, which changes the samples of an
    MP3."""
    with soundfile.SoundFile(path) as file:
        return np.asarray(file.read(dtype="float32", always_2d=True))


def add_part(catalog: Catalog, of: int, start: int, end: int) -> None:
    """Add another clip to the recording of a clip."""
    with writing(catalog) as connection:
        row = connection.execute(select(clip).where(clip.c.id == of)).one()
        connection.execute(
            insert(clip).values(
                recording_id=row.recording_id,
                kind="part",
                ordinal=start,
                start_frame=start,
                end_frame=end,
                trim=row.trim,
            )
        )


# -- what is written ---------------------------------------------------------------------------------------


def test_a_copy_equals_its_file_byte_for_byte(catalog: Catalog, clips: Path, out: Path) -> None:
    before = dump(clips)
    report = export_clips(catalog, (), out)
    originals = [*sorted((clips / "a").iterdir()), clips / "b" / "r_epoch_2_0.flac"]
    assert names(out) == [path.name for path in originals]
    for file, original in zip(report.files, originals, strict=True):
        assert file.path == str(out / original.name)
        assert (out / original.name).read_bytes() == original.read_bytes()
        assert file.bytes == original.stat().st_size
        assert file.source == str(original.relative_to(clips))
    assert [file.clip for file in report.files] == [1, 2, 3, 4]
    assert counts(report) == (4, 0, 0, 0, 0, sum(path.stat().st_size for path in originals))
    assert {
        path: state for path, state in dump(clips).items() if not path.startswith(os.fsencode(out))
    } == before


@pytest.mark.usefixtures("one_transaction_at_a_time", "clips")
def test_an_export_is_planned_in_one_transaction(catalog: Catalog, out: Path) -> None:
    assert counts(export_clips(catalog, (), out))[0] == 4


def test_rejected_and_unusable_clips_are_left_out(
    catalog: Catalog, clips: Path, out: Path, take: Take
) -> None:
    soundfile.write(clips / "a" / "silent.wav", np.zeros(RATE), RATE)
    take(clips / "a")
    judging.reject(catalog, ["1"])
    export_clips(catalog, (), out)
    assert names(out) == ["r_epoch_1_1.wav", "r_epoch_1_2.wav", "r_epoch_2_0.flac"]
    export_clips(catalog, ["rejected:yes"], clips / "no")
    assert names(clips / "no") == ["r_epoch_1_0.wav"]


def test_files_are_in_the_order_of_the_query(catalog: Catalog, clips: Path, out: Path) -> None:
    assert clips
    assert [file.clip for file in export_clips(catalog, "id-", out).files] == [4, 3, 2, 1]


def test_a_part_is_written_as_its_span_and_its_recording_is_copied(
    catalog: Catalog, clips: Path, out: Path
) -> None:
    add_part(catalog, 1, 100, 900)
    for form in ("copy", "trimmed"):
        for sort, state in (("id-", "written"), ("id+", "there already")):
            report = export_clips(catalog, ["1", ",", "5", sort], out.parent / form, form=form)
            assert {file.clip: file.state for file in report.files} == {1: state, 5: state}
            assert report.faded == 1
        assert names(out.parent / form) == ["r_epoch_1_0-part1.wav", "r_epoch_1_0.wav"]
        assert soundfile.info(out.parent / form / "r_epoch_1_0-part1.wav").frames == 800
    original = (clips / "a/r_epoch_1_0.wav").read_bytes()
    assert (out.parent / "copy/r_epoch_1_0.wav").read_bytes() == original


def test_the_ends_of_parts_are_faded_unless_the_fade_is_0(catalog: Catalog, clips: Path, out: Path) -> None:
    add_part(catalog, 1, 100, 900)
    own, _ = soundfile.read(clips / "a/r_epoch_1_0.wav", start=100, stop=900, dtype="int16")
    assert abs(own[0]) > 100
    export_clips(catalog, ["5"], out.parent / "faded")  # [song] fade
    faded, rate = soundfile.read(out.parent / "faded/r_epoch_1_0-part1.wav", dtype="int16")
    fade = round(catalog.settings.song.fade * rate)
    assert 0 < fade < 400
    np.testing.assert_array_equal(faded[fade:-fade], own[fade:-fade])
    assert max(abs(faded[0]), abs(faded[-1])) <= 1
    assert export_clips(catalog, ["5"], out.parent / "plain", fade=0).faded == 0
    plain, _ = soundfile.read(out.parent / "plain/r_epoch_1_0-part1.wav", dtype="int16")
    np.testing.assert_array_equal(plain, own)
    assert export_clips(catalog, ["1"], out.parent / "whole", form="trimmed", fade=1).faded == 0
    with pytest.raises(UsageError, match="a fade of nan s is out of range"):
        export_clips(catalog, ["5"], out, fade=float("nan"))
    with pytest.raises(UsageError, match="--fade contradicts --link"):
        export_clips(catalog, ["1"], out, form="link", fade=1)


def test_a_part_is_not_linked(catalog: Catalog, clips: Path, out: Path) -> None:
    assert clips
    add_part(catalog, 1, 100, 900)
    report = export_clips(catalog, ["1", ",", "5", "id+"], out, form="link")
    assert [(file.clip, file.state) for file in report.files] == [(1, "written"), (5, "failed")]
    assert report.files[1].reason == "a link would lead to its whole recording; leave out --link"


def test_the_file_of_a_mark_has_its_name(catalog: Catalog, clips: Path, out: Path) -> None:
    assert clips
    for start in (100, 200):
        add_part(catalog, 1, start, 1900)
    with writing(catalog) as connection:
        connection.execute(update(clip).where(clip.c.id > 4).values(kind="marked", name="a/b: dröp"))
    export_clips(catalog, ["5"], out.parent / "one")
    export_clips(catalog, ["5", ",", "6"], out.parent / "two")
    assert names(out.parent / "one") == ["r_epoch_1_0-a_b_ dröp.wav"]
    assert names(out.parent / "two") == ["r_epoch_1_0-a_b_ dröp-5.wav", "r_epoch_1_0-a_b_ dröp-6.wav"]


SOURCES = [
    ("a.wav", "PCM_16", "a.wav", "WAV", "PCM_16"),
    ("a.WAVE", "PCM_24", "a.WAVE", "WAV", "PCM_24"),
    ("a.wav", "FLOAT", "a.wav", "WAV", "FLOAT"),
    ("a.wav", "PCM_U8", "a.wav", "WAV", "FLOAT"),
    ("a.flac", "PCM_16", "a.flac", "FLAC", "PCM_16"),
    ("a.flac", "PCM_24", "a.flac", "FLAC", "PCM_24"),
    ("a.aiff", "PCM_16", "a.wav", "WAV", "PCM_16"),
    ("a.ogg", "VORBIS", "a.wav", "WAV", "FLOAT"),
    ("a.mp3", "MPEG_LAYER_III", "a.wav", "WAV", "FLOAT"),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("name", "subtype", "written", "container", "as_subtype"), SOURCES)
def test_a_trimmed_file_contains_exactly_the_samples_of_the_span(
    catalog: Catalog,
    tmp_path: Path,
    out: Path,
    sound: Any,
    take: Take,
    name: str,
    subtype: str,
    written: str,
    container: str,
    as_subtype: str,
    channels: int,
) -> None:
    y = sound(3, 2.0, rate=22_050, channels=channels)
    path = tmp_path / "in" / name
    path.parent.mkdir()
    # soundfile does not know this suffix
    kind = {".WAVE": "WAV"}.get(path.suffix)
    soundfile.write(path, y * (1.7 if subtype == "FLOAT" else 1.0), 22_050, subtype, format=kind)
    take(path)
    cut(catalog, 1, 5_001, 31_339)
    report = export_clips(catalog, (), out, form="trimmed")
    assert states(report) == ["written"]
    assert names(out) == [written]
    info = soundfile.info(out / written)
    assert (info.format, info.subtype, info.samplerate) == (container, as_subtype, 22_050)
    whole = decoded(path)
    span, _ = soundfile.read(out / written, always_2d=True, dtype="float32")
    np.testing.assert_array_equal(span, whole[5_001:31_339])
    if as_subtype == "PCM_16":
        whole, _ = soundfile.read(path, always_2d=True, dtype="int16")
        span, _ = soundfile.read(out / written, always_2d=True, dtype="int16")
        np.testing.assert_array_equal(span, whole[5_001:31_339])
    assert report.bytes == (out / written).stat().st_size


def test_decoded_samples_above_full_scale_are_not_clipped(
    catalog: Catalog, tmp_path: Path, out: Path, take: Take
) -> None:
    generator = np.random.default_rng(0)
    loud = np.sign(generator.normal(size=2 * RATE)) * 0.99
    soundfile.write(tmp_path / "loud.ogg", loud, RATE)
    take(tmp_path / "loud.ogg")
    assert np.abs(soundfile.read(tmp_path / "loud.ogg")[0]).max() > 1.1
    cut(catalog, 1, 0, 2 * RATE)
    export_clips(catalog, (), out, form="trimmed")
    expected = decoded(tmp_path / "loud.ogg")[:, 0]
    np.testing.assert_array_equal(soundfile.read(out / "loud.wav", dtype="float32")[0], expected)


def test_a_trimmed_file_has_a_title_and_its_checkpoint_as_tags(
    catalog: Catalog, clips: Path, out: Path
) -> None:
    assert clips
    judging.modify(catalog, ["1"], {"run": "nächtlich", "step": "300"})
    export_clips(catalog, (), out, form="trimmed")
    with soundfile.SoundFile(out / "r_epoch_1_0.wav") as file:
        assert (file.title, file.comment) == ("r_epoch_1_0.wav", "nächtlich epoch 1 step 300")
    with soundfile.SoundFile(out / "r_epoch_2_0.flac") as file:
        assert (file.title, file.comment) == ("r_epoch_2_0.flac", "r epoch 2")


def test_a_clip_with_an_invalid_span_fails_and_the_others_are_written(
    catalog: Catalog, clips: Path, out: Path
) -> None:
    assert clips
    cut(catalog, 2, 7, 7)
    cut(catalog, 3, 0, 99_999)
    report = export_clips(catalog, (), out, form="trimmed")
    assert states(report) == ["written", "failed", "failed", "written"]
    assert report.files[1].reason == "its span is empty"
    assert "16000 of 99999" in str(report.files[2].reason)
    assert names(out) == ["r_epoch_1_0.wav", "r_epoch_2_0.flac"]
    assert counts(export_clips(catalog, (), clips / "dry", form="trimmed", dry_run=True)) == counts(report)


def test_a_link_points_to_its_file(catalog: Catalog, clips: Path, out: Path) -> None:
    report = export_clips(catalog, ["epoch:1"], out, form="link")
    assert counts(report) == (3, 0, 0, 0, 0, 0)
    for original in (clips / "a").iterdir():
        link = out / original.name
        assert link.is_symlink()
        assert os.readlink(link) == str(original)
        assert link.read_bytes() == original.read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_a_second_run_writes_nothing(catalog: Catalog, clips: Path, out: Path, form: Form) -> None:
    first = export_clips(catalog, (), out, form=form)
    before = dump(clips)
    for overwrite in (False, True):
        again = export_clips(catalog, (), out, form=form, overwrite=overwrite)
        assert counts(again) == (0, first.written, 0, 0, 0, 0)
        assert [file.bytes for file in again.files] == [file.bytes for file in first.files]
        assert dump(clips) == before


@pytest.mark.parametrize("form", FORMS)
def test_a_dry_run_changes_nothing_and_reports_the_same(
    catalog: Catalog, clips: Path, out: Path, form: Form
) -> None:
    (clips / "a" / "r_epoch_1_1.wav").unlink()
    before = dump(clips)
    dry = export_clips(catalog, (), out, form=form, dry_run=True)
    assert dump(clips) == before
    assert not out.exists()
    export_clips(catalog, ["1"], out, form=form)
    partly = dump(clips)
    dry_again = export_clips(catalog, (), out, form=form, dry_run=True)
    assert dump(clips) == partly
    real = export_clips(catalog, (), out, form=form)
    assert counts(dry_again) == counts(real)
    assert (dry.written, dry.there_already, dry.missing) == (3, 0, 1)
    assert (real.written, real.there_already, real.missing) == (2, 1, 1)
    assert [replace(file, state="written") for file in dry.files] == [
        replace(file, state="written") for file in real.files
    ]
    assert (dry.dry_run, real.dry_run) == (True, False)


# -- names -------------------------------------------------------------------------------------------------


def test_files_with_equal_names_all_get_ids(
    catalog: Catalog, tmp_path: Path, out: Path, write_clip: Any, take: Take
) -> None:
    for seed, path in enumerate(["a/x.wav", "b/X.wav", "c/x.WAV", "d/x-1.wav", "d/y.wav"]):
        write_clip(tmp_path / path, seed, 0.5)
        take(tmp_path / path)
    export_clips(catalog, (), out)
    assert names(out) == ["X-2.wav", "x-1-4.wav", "x-1.wav", "x-3.WAV", "y.wav"]
    assert (out / "x-1.wav").read_bytes() == (tmp_path / "a" / "x.wav").read_bytes()
    assert (out / "x-1-4.wav").read_bytes() == (tmp_path / "d" / "x-1.wav").read_bytes()
    assert export_clips(catalog, ["id-"], out).there_already == 5


def test_names_that_differ_only_in_their_unicode_form_are_equal(
    catalog: Catalog, tmp_path: Path, out: Path, write_clip: Any, take: Take
) -> None:
    write_clip(tmp_path / "a" / "\u00e9.wav", 1, 0.5)
    write_clip(tmp_path / "b" / "E\u0301.wav", 2, 0.5)
    take(tmp_path / "a", tmp_path / "b")
    export_clips(catalog, (), out)
    assert names(out) == ["E\u0301-2.wav", "\u00e9-1.wav"]


def test_names_that_become_equal_with_a_new_suffix_get_ids(
    catalog: Catalog, tmp_path: Path, out: Path, write_clip: Any, take: Take
) -> None:
    write_clip(tmp_path / "a" / "x.ogg", 1, 0.5)
    write_clip(tmp_path / "a" / "x.wav", 2, 0.5)
    take(tmp_path / "a" / "x.ogg", tmp_path / "a" / "x.wav")
    export_clips(catalog, (), out)
    assert names(out) == ["x.ogg", "x.wav"]
    export_clips(catalog, (), tmp_path / "spans", form="trimmed")
    assert names(tmp_path / "spans") == ["x-1.wav", "x-2.wav"]


ODD_NAMES = {
    "not UTF-8": b"caf\xe9 \xff.wav",
    "newline": b"two\nlines\t.wav",
    "255 bytes": b"a" * 251 + b".wav",
    "255 bytes of letters of two": "ä".encode() * 125 + b"x.wav",
    "255 bytes not UTF-8": b"\x80" * 251 + b".wav",
    "option": b"-rf.wav",
    "blank": b" .wav",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=list(ODD_NAMES))
def test_unusual_file_names_are_kept(
    catalog: Catalog, tmp_path: Path, out: Path, write_clip: Any, take: Take, form: Form, name: bytes
) -> None:
    for seed, folder in enumerate(("a", "b")):
        path = os.fsencode(write_clip(tmp_path / folder / "new.wav", seed, 0.5))
        os.rename(path, os.path.join(os.path.dirname(path), name))
    take(tmp_path / "a")
    export_clips(catalog, (), out, form=form)
    assert os.listdir(os.fsencode(out)) == [name]
    take(tmp_path / "b")
    report = export_clips(catalog, (), tmp_path / "both", form=form)
    assert states(report) == ["written"] * 2
    found = sorted(os.listdir(os.fsencode(tmp_path / "both")))
    assert [one.endswith(b"-%d.wav" % at) for at, one in enumerate(found, start=1)] == [True, True]
    assert all(len(one) <= 255 for one in found)
    if name == ODD_NAMES["255 bytes of letters of two"]:
        assert found[0] == "ä".encode() * 124 + b"-1.wav"
    if form != "trimmed":
        assert (tmp_path / "both" / os.fsdecode(found[1])).read_bytes() == (
            tmp_path / "b" / os.fsdecode(name)
        ).read_bytes()
    assert counts(export_clips(catalog, (), tmp_path / "both", form=form))[:2] == (0, 2)


def test_a_name_is_cut_to_make_room_for_a_longer_suffix(
    catalog: Catalog, tmp_path: Path, out: Path, write_clip: Any, take: Take
) -> None:
    path = write_clip(tmp_path / "a" / "new.au", 1, 0.5, subtype="ULAW").rename(
        tmp_path / "a" / ("a" * 252 + ".au")
    )
    take(path)
    export_clips(catalog, (), out, form="trimmed")
    assert names(out) == ["a" * 251 + ".wav"]


def test_a_suffix_that_is_not_of_audio_is_kept_in_the_name(
    catalog: Catalog, tmp_path: Path, out: Path, write_clip: Any, take: Take
) -> None:
    path = write_clip(tmp_path / "a" / "new.wav", 1, 0.5).rename(tmp_path / "a" / "take.v2")
    take(path)
    export_clips(catalog, (), out, form="trimmed")
    assert names(out) == ["take.v2.wav"]


# -- what is there already ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_another_file_with_the_name_is_refused_before_anything_is_written(
    catalog: Catalog, clips: Path, out: Path, form: Form
) -> None:
    out.mkdir()
    (out / "r_epoch_1_2.wav").write_text("my own")
    before = dump(clips)
    dry = export_clips(catalog, (), out, form=form, dry_run=True)
    assert states(dry) == ["written", "written", "refused", "written"]
    with pytest.raises(UsageError, match=r"r_epoch_1_2\.wav.*--overwrite") as caught:
        export_clips(catalog, (), out, form=form)
    assert str(caught.value) == dry.refusal
    assert dump(clips) == before
    report = export_clips(catalog, (), out, form=form, overwrite=True)
    assert counts(report)[:3] == (4, 0, 0)
    assert (out / "r_epoch_1_2.wav").read_bytes() != b"my own"
    assert (out / "r_epoch_1_2.wav").is_symlink() == (form == "link")
    assert counts(export_clips(catalog, (), out, form=form))[:3] == (0, 4, 0)


def test_many_refused_files_are_reported_in_one_sentence(catalog: Catalog, clips: Path, out: Path) -> None:
    out.mkdir()
    for name in [*names(clips / "a"), *names(clips / "b")]:
        (out / name).touch()
    with pytest.raises(UsageError) as caught:
        export_clips(catalog, (), out)
    assert "4 names" in str(caught.value)
    assert "r_epoch_1_0.wav, r_epoch_1_1.wav, r_epoch_1_2.wav and 1 more" in str(caught.value)


def test_a_link_does_not_count_as_a_copy_but_a_copy_counts_as_a_link(
    catalog: Catalog, clips: Path, out: Path
) -> None:
    export_clips(catalog, ["1"], out, form="link")
    with pytest.raises(UsageError, match="--overwrite"):
        export_clips(catalog, ["1"], out)
    before = dump(clips / "a")
    assert export_clips(catalog, ["1"], out, overwrite=True).written == 1
    assert not (out / "r_epoch_1_0.wav").is_symlink()
    assert dump(clips / "a") == before
    assert counts(export_clips(catalog, ["1"], out, form="link"))[:2] == (0, 1)


def test_a_broken_link_counts_as_another_file(catalog: Catalog, clips: Path, out: Path) -> None:
    out.mkdir()
    (out / "r_epoch_1_0.wav").symlink_to(clips / "nowhere")
    for form in FORMS:
        with pytest.raises(UsageError, match="--overwrite"):
            export_clips(catalog, ["1"], out, form=form)
    export_clips(catalog, ["1"], out, form="link", overwrite=True)
    assert (out / "r_epoch_1_0.wav").is_file()
    assert not (clips / "nowhere").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_export_into_the_folder_of_the_clips_leaves_them_unchanged(
    catalog: Catalog, clips: Path, overwrite: bool
) -> None:
    before = dump(clips)
    forms: tuple[Form, ...] = ("copy", "link")
    for form in forms:
        report = export_clips(catalog, ["epoch:1"], clips / "a", form=form, overwrite=overwrite)
        assert counts(report) == (0, 3, 0, 0, 0, 0)
    cut(catalog, 1, 10, 200)
    with pytest.raises(UsageError, match="the target is clip 1 of the catalog, which is never replaced"):
        export_clips(catalog, ["1"], clips / "a", form="trimmed", overwrite=overwrite)
    assert dump(clips) == before


def test_a_clip_of_the_catalog_is_never_replaced(
    catalog: Catalog, clips: Path, write_clip: Any, take: Take
) -> None:
    write_clip(clips / "c" / "r_epoch_1_0.wav", 30, 0.5)
    take(clips / "c")
    before = dump(clips)
    for form in FORMS:
        with pytest.raises(UsageError, match="never replaced"):
            export_clips(catalog, ["1"], clips / "c", form=form, overwrite=True)
    assert export_clips(catalog, ["1"], clips / "c", overwrite=True, dry_run=True).refused == 1
    assert dump(clips) == before


def test_a_source_that_the_catalog_lists_as_missing_is_never_replaced(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    path = clips / "a" / "r_epoch_1_0.wav"
    path.rename(clips / "aside")
    ingest(catalog, [clips / "a"], replace(serial, mark_missing=True))
    assert show_clip(catalog, "1").clip.missing
    (clips / "aside").rename(path)
    cut(catalog, 1, 10, 200)
    before = dump(clips)
    with pytest.raises(UsageError, match="never replaced"):
        export_clips(catalog, ["1"], clips / "a", form="trimmed", overwrite=True)
    assert dump(clips) == before


def test_a_folder_or_a_pipe_is_never_replaced(catalog: Catalog, clips: Path, out: Path) -> None:
    assert clips
    (out / "r_epoch_1_0.wav").mkdir(parents=True)
    os.mkfifo(out / "r_epoch_1_1.wav")
    for form in FORMS:
        with pytest.raises(UsageError, match=r"2 names .* never replaced"):
            export_clips(catalog, (), out, form=form, overwrite=True)
    assert names(out) == ["r_epoch_1_0.wav", "r_epoch_1_1.wav"]


def test_a_file_that_another_program_creates_meanwhile_is_not_replaced(
    catalog: Catalog, clips: Path, out: Path
) -> None:
    assert clips

    def intrude(stage: str, done: int, _total: int) -> None:
        if (stage, done) == ("exporting", 1):
            (out / "r_epoch_1_1.wav").write_text("mine")

    report = export_clips(catalog, (), out, progress=intrude)
    assert states(report) == ["written", "failed", "written", "written"]
    assert (out / "r_epoch_1_1.wav").read_text() == "mine"


# -- files that are gone, and folders that are not there ---------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_missing_and_changed_files_are_reported_and_the_others_are_written(
    catalog: Catalog, clips: Path, out: Path, write_clip: Any, form: Form
) -> None:
    (clips / "a" / "r_epoch_1_0.wav").unlink()
    write_clip(clips / "a" / "r_epoch_1_1.wav", 50, 1.0)
    os.utime(clips / "a" / "r_epoch_1_2.wav", (1, 1))
    report = export_clips(catalog, (), out, form=form)
    assert states(report) == ["missing", "missing", "written", "written"]
    assert report.files[0].source == "a/r_epoch_1_0.wav"
    assert report.files[0].path is None
    assert names(out) == ["r_epoch_1_2.wav", "r_epoch_2_0.flac"]


def test_a_missing_file_is_replaced_by_a_copy_under_the_same_name(
    catalog: Catalog, clips: Path, out: Path, take: Take
) -> None:
    original = clips / "a" / "r_epoch_1_0.wav"
    content = original.read_bytes()
    (clips / "b" / "copy.wav").write_bytes(content)
    take(clips / "b")
    original.unlink()
    report = export_clips(catalog, ["1"], out)
    assert [(file.state, file.source) for file in report.files] == [("written", "b/copy.wav")]
    assert (out / "r_epoch_1_0.wav").read_bytes() == content


def test_a_changed_file_with_its_old_time_is_not_exported(catalog: Catalog, clips: Path, out: Path) -> None:
    path = clips / "a" / "r_epoch_1_0.wav"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    report = export_clips(catalog, ["1", ",", "2"], out)
    assert states(report) == ["missing", "written"]
    assert "has changed" in str(report.files[0].reason)
    assert names(out) == ["r_epoch_1_1.wav"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_export_without_any_file_is_an_error(
    catalog: Catalog, clips: Path, out: Path, dry_run: bool
) -> None:
    for path in (clips / "a").iterdir():
        path.unlink()
    with pytest.raises(NotFoundError, match=r"3 files .*thresher ingest"):
        export_clips(catalog, ["epoch:1"], out, dry_run=dry_run)
    with pytest.raises(NotFoundError, match="no clip matches epoch:77"):
        export_clips(catalog, ["epoch:77"], out, dry_run=dry_run)
    assert not out.exists()


def test_a_folder_that_can_not_be_created_is_refused(catalog: Catalog, clips: Path, out: Path) -> None:
    with pytest.raises(NotFoundError, match=f"there is no folder {out} to create deep in"):
        export_clips(catalog, (), out / "deep")
    (clips / "file").touch()
    with pytest.raises(UsageError, match="is not a folder"):
        export_clips(catalog, (), clips / "file")
    assert not out.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_refused(catalog: Catalog, clips: Path, out: Path) -> None:
    assert clips
    out.mkdir(0o500)
    for dry_run in (True, False):
        with pytest.raises(CatalogError, match="is not writable"):
            export_clips(catalog, (), out, dry_run=dry_run)


def test_an_unknown_form_is_refused(catalog: Catalog, clips: Path, out: Path) -> None:
    assert clips
    with pytest.raises(UsageError, match='"zip"'):
        export_clips(catalog, (), out, form="zip")  # type: ignore[arg-type]  # there is no such form


# -- disks and crashes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "call"), [("copy", "fsync"), ("trimmed", "pwrite"), ("link", "symlink")])
def test_a_full_disk_is_reported_and_the_next_export_continues(
    catalog: Catalog, clips: Path, out: Path, monkeypatch: pytest.MonkeyPatch, form: Form, call: str
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    export_clips(catalog, ["1"], out, form=form)
    (out / "r_epoch_1_2.wav").write_text("old")
    before = files_of(clips)

    def fill(stage: str, done: int, total: int) -> None:
        if stage == "comparing" and done == total:
            monkeypatch.setattr(os, call, full)

    with pytest.raises(CatalogError, match=r"No space left on device; 0 of 3 files are written") as caught:
        export_clips(catalog, (), out, form=form, overwrite=True, progress=fill)
    assert "\n" not in str(caught.value)
    assert files_of(clips) == before
    monkeypatch.undo()
    assert counts(export_clips(catalog, (), out, form=form, overwrite=True))[:2] == (3, 1)


def test_an_error_of_one_file_does_not_stop_the_others(
    catalog: Catalog, clips: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clips
    rename = os.replace

    def picky(source: Path, target: Path) -> None:
        if target.name.endswith("_1.wav"):
            raise OSError(errno.EINVAL, "Invalid argument")
        rename(source, target)

    monkeypatch.setattr(os, "replace", picky)
    report = export_clips(catalog, (), out)
    assert states(report) == ["written", "failed", "written", "written"]
    assert report.files[1].reason == "Invalid argument"
    assert names(out) == ["r_epoch_1_0.wav", "r_epoch_1_2.wav", "r_epoch_2_0.flac"]


def test_an_export_removes_temporary_files_of_a_killed_export(
    catalog: Catalog, clips: Path, out: Path
) -> None:
    code = (
        "import os, signal, sys\n"
        "from thresher import Catalog, export_clips\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with Catalog.open(sys.argv[1]) as catalog:\n"
        "    export_clips(catalog, ['1'], sys.argv[2])\n"
    )
    out.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(for_processes(catalog)), str(out)], capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [name.endswith(".part") for name in names(out)] == [True]
    others = [out / f"r_epoch_1_0.wav.{os.getppid()}.part", out / "song.wav.999999999.part"]
    for path in others:
        path.touch()
    assert export_clips(catalog, ["1"], out).written == 1
    assert names(out) == sorted(["r_epoch_1_0.wav", *(path.name for path in others)])
    assert clips


# -- the command -------------------------------------------------------------------------------------------


def test_the_command_exports_copies_links_and_spans(clips: Path, out: Path) -> None:
    dry = run_command("export", "epoch:1..2", "--to", "out", "--dry-run", cwd=clips)
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.startswith("dry run: 4 files (0.1 MB) would be written to ")
    assert not out.exists()
    done = run_command("export", "epoch:1..2", "--to", "out", cwd=clips)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "4 files (0.1 MB) written to out\n"
    done = run_command("export", "epoch:1..2", "--to", "out", "--json", cwd=clips)
    found = json.loads(done.stdout)
    assert (found["written"], found["there_already"], found["form"]) == (0, 4, "copy")
    assert found["files"][0]["path"] == str(out / "r_epoch_1_0.wav")
    done = run_command("export", "a/r_epoch_1_0.wav", "3", "--to", "links", "--link", cwd=clips)
    assert done.stdout == "2 links written to links\n"
    done = run_command("export", "4", "--to", "spans", "--trimmed", cwd=clips)
    assert done.returncode == 0, done.stderr
    assert names(clips / "spans") == ["r_epoch_2_0.flac"]
    with soundfile.SoundFile(clips / "spans" / "r_epoch_2_0.flac") as file:
        assert file.title == "r_epoch_2_0.flac"


def test_the_command_returns_an_exit_code_for_each_outcome(clips: Path, out: Path) -> None:
    done = run_command("export", "epoch:1", "--to", "out", "--trimmed", "--link", cwd=clips)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--trimmed and --link" in done.stderr
    assert run_command("export", "epoch:1", cwd=clips).returncode == 2
    assert run_command("export", "epoch:99", "--to", "out", cwd=clips).returncode == 4
    assert run_command("export", "epoch:1", "--to", "out/deep", cwd=clips).returncode == 4
    assert not out.exists()
    (clips / "a" / "r_epoch_1_0.wav").unlink()
    done = run_command("export", "epoch:1", "--to", "out", cwd=clips)
    assert done.returncode == 5
    assert "2 files" in done.stdout
    assert "  a/r_epoch_1_0.wav: missing: the file is gone or has changed" in done.stderr
    (out / "r_epoch_1_1.wav").write_text("other")
    for more, code in ((["--dry-run"], 2), ([], 2), (["--overwrite"], 5)):
        done = run_command("export", "epoch:1", "--to", "out", *more, cwd=clips)
        assert done.returncode == code, done.stderr
        assert ("--overwrite" in done.stderr) == (code == 2)
        assert (done.stdout == "") == (more == [])
    done = run_command("export", "1", "--to", "out", cwd=clips)
    assert done.returncode == 4


def test_the_exported_clips_are_those_that_list_shows(catalog: Catalog, clips: Path, out: Path) -> None:
    assert clips
    judging.reject(catalog, ["2"])
    with writing(catalog) as connection:
        connection.execute(update(recording).where(recording.c.id == 3).values(status="silent"))
    report = export_clips(catalog, (), out, dry_run=True)
    assert [file.clip for file in report.files] == [row.id for row in list_clips(catalog)] == [1, 4]


def test_trimmed_files_of_parts_and_marks_say_which(cut_clips: Catalog, tmp_path: Path) -> None:
    done = export_clips(cut_clips, "epoch:1", tmp_path / "to", form="trimmed", fade=0)
    assert {os.path.basename(file.path or ""): file.part for file in done.files} == {
        "run_epoch_1_1.wav": None,
        "run_epoch_1_0-part1.wav": "part 1 of 3",
        "run_epoch_1_0-part2.wav": "part 2 of 3",
        "run_epoch_1_0-part3.wav": "part 3 of 3",
        "run_epoch_1_1-drop.wav": 'mark "drop"',
        "run_epoch_1_1-mark2.wav": "mark 2 of 2",
    }
    whole, rate = soundfile.read(cut_clips.root / "out/run_epoch_1_0.wav", dtype="int16")
    part, _ = soundfile.read(tmp_path / "to/run_epoch_1_0-part2.wav", dtype="int16")
    assert np.array_equal(part, whole[6 * rate : 11 * rate])
    with soundfile.SoundFile(tmp_path / "to/run_epoch_1_0-part2.wav") as file:
        assert file.comment == "run epoch 1, part 2 of 3"


def test_missing_files_are_looked_up_in_one_transaction(
    catalog: Catalog, clips: Path, out: Path, transactions: list[object]
) -> None:
    found = []
    for index in range(3):
        (clips / f"a/r_epoch_1_{index}.wav").unlink()
        transactions.clear()
        assert export_clips(catalog, [], out, dry_run=True).missing == index + 1
        found.append(len(transactions))
    assert found[0] == found[2]
