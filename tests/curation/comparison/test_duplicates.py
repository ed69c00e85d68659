"""Duplicates: copies are grouped with the clip to keep, parts are reported with offsets, noise is not a copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import update

from tests.support import RATE, MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.listing import list_clips
from thresher.curation.comparison import duplicates
from thresher.curation.comparison.duplicates import (
    Duplicates,
    copies_among,
    copies_of,
    dupes,
    read_close_clips,
    without_copies,
)
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse
from thresher.curation.ingest.verify import verify
from thresher.errors import CatalogError
from thresher.signal.metrics.aligned import align

SERIAL = IngestOptions(executor="serial")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    return tmp_path / "clips"


@pytest.fixture
def catalog(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog that keeps scores by `prefix` and `aligned`."""
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix", "aligned"]\n')
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made


def write(folder: Path, name: str, y: np.ndarray, subtype: str = "PCM_16", rate: int = RATE) -> None:
    soundfile.write(folder / name, y, rate, subtype)


def names(found: Duplicates) -> dict[str, set[str]]:
    """The kept clip of each group → its copies, by file name."""
    return {
        os.path.basename(group.kept.path or ""): {
            os.path.basename(match.clip.path or "") for match in group.copies
        }
        for group in found.groups
    }


def test_copies_are_grouped_with_the_clip_to_keep(catalog: Catalog, folder: Path, sound: Any) -> None:
    import soxr

    y = sound(1, 8.0)
    write(folder, "a.wav", y)
    write(folder, "b_quiet.wav", 0.2 * y)
    write(folder, "c_hifi.wav", soxr.resample(y, RATE, 44_100), rate=44_100)
    write(folder, "d_lossy.ogg", soxr.resample(y, RATE, 48_000), "VORBIS", rate=48_000)
    write(folder, "e_late.wav", y[4_000:])
    write(folder, "f_other.wav", sound(2, 8.0))
    (folder / "g_cut.wav").write_bytes((folder / "a.wav").read_bytes()[:-8_000])
    shutil.copy(folder / "f_other.wav", folder / "h_same_bytes.wav")
    ingest(catalog, [folder], SERIAL)
    found = dupes(catalog)
    assert names(found) == {"c_hifi.wav": {"a.wav", "b_quiet.wav", "d_lossy.ogg", "e_late.wav", "g_cut.wav"}}
    late = next(match for match in found.groups[0].copies if (match.clip.path or "").endswith("e_late.wav"))
    assert late.offset == pytest.approx(0.25, abs=0.13)
    assert [each.paths for each in found.byte_copies] == [("clips/f_other.wav", "clips/h_same_bytes.wav")]
    assert found.others == [1, 2, 4, 5, 7]
    marked = {each.clip: each for each in copies_of(catalog, range(1, 9))}
    assert sorted(marked) == [1, 2, 3, 4, 5, 7]
    assert marked[3].is_kept
    assert all(each.of in marked for each in marked.values())


def test_other_programs_write_while_sounds_are_aligned(
    catalog: Catalog, folder: Path, sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(folder / "a.wav", sound(1, 6.0), RATE)
    soundfile.write(folder / "b.wav", 0.5 * sound(1, 6.0), RATE)
    ingest(catalog, [folder], IngestOptions(executor="serial"))
    rated = []

    def other_program(*sounds: Any) -> Any:
        with Catalog.open(catalog.file) as other:
            rated.append(judging.rate(other, "1", 4).found)
        return duplicates.Matching(align(sounds[0].words, sounds[1].words), judged=True)

    monkeypatch.setattr(duplicates, "matching", other_program)
    assert len(dupes(catalog).groups) == 1
    assert rated == [1]


def test_copies_of_copies_are_not_grouped(catalog: Catalog, folder: Path, sound: Any) -> None:
    """Each is a copy of the next, a twelfth later; the first and the last are not copies of each other."""
    y = sound(3, 16.0)
    for step in range(4):
        write(folder, f"{step}.wav", y[step * 12_000 : step * 12_000 + 8 * RATE])
    ingest(catalog, [folder], SERIAL)
    found = dupes(catalog)
    by_kept = names(found)
    for kept, copies in by_kept.items():
        assert all(abs(int(kept[0]) - int(copy[0])) == 1 for copy in copies)
    assert sum(len(copies) for copies in by_kept.values()) <= 2


def test_parts_are_reported_with_their_offsets_and_never_as_copies(
    catalog: Catalog, folder: Path, sound: Any
) -> None:
    song, other = np.concatenate([sound(seed, 10.0) for seed in (41, 42, 43)]), sound(5, 8.0)
    write(folder, "a_song.wav", song)
    write(folder, "b_inside.wav", song[10 * RATE : 16 * RATE])
    write(folder, "c_across.wav", np.concatenate([song[23 * RATE :], other[: 4 * RATE]]))
    ingest(catalog, [folder], SERIAL)
    found = dupes(catalog)
    assert found.groups == ()
    assert found.others == []
    told = {os.path.basename(part.part.clip.path or ""): part for part in found.parts}
    assert told.keys() == {"b_inside.wav", "c_across.wav"}
    assert told["b_inside.wav"].is_contained
    assert told["b_inside.wav"].part.offset == pytest.approx(10, abs=0.13)
    assert told["b_inside.wav"].part.seconds == pytest.approx(6, abs=0.4)
    assert not told["c_across.wav"].is_contained
    assert told["c_across.wav"].part.offset == pytest.approx(23, abs=0.13)
    assert {os.path.basename(part.whole.path or "") for part in found.parts} == {"a_song.wav"}


def test_noises_of_the_same_kind_are_not_copies(catalog: Catalog, folder: Path) -> None:
    """Though their fingerprints score 0.85 and more."""
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(scale=0.1, size=(20 * RATE, 1)).astype(np.float32)
        write(folder, f"{seed}.wav", noise)
    write(folder, "copy.ogg", np.random.default_rng(0).normal(scale=0.1, size=20 * RATE), "VORBIS")
    ingest(catalog, [folder], SERIAL)
    scores = [row.score for row in list_clips(catalog, "score@aligned:0.85..")]
    assert len(scores) == 7
    found = dupes(catalog)
    assert names(found) == {"0.wav": {"copy.ogg"}}
    assert found.parts == ()


def tone(hz: float, partials: int, seconds: float = 5.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    waves = [np.sin(2 * np.pi * hz * each * time) / each for each in range(1, partials + 1)]
    return np.asarray(np.sum(waves, axis=0) / 4)


def test_tones_of_different_pitch_are_not_copies(catalog: Catalog, folder: Path) -> None:
    """Though their fingerprints are equal: Chromaprint folds octaves, and a steady tone gives constant words."""
    for hz in (110, 165, 220, 440, 466):
        write(folder, f"sine{hz}.wav", tone(hz, 1))
        write(folder, f"rich{hz}.wav", tone(hz, 10))
    write(folder, "beat110.wav", tone(110, 10) + tone(110.7, 10))
    for hz in (110, 440):
        write(folder, f"rich{hz}.ogg", 0.1 * tone(hz, 10), "VORBIS")
    ingest(catalog, [folder], SERIAL)
    assert len(list_clips(catalog, "score@aligned:0.99..")) > 8
    found = dupes(catalog)
    assert names(found) == {"rich110.wav": {"rich110.ogg"}, "rich440.wav": {"rich440.ogg"}}
    assert (found.parts, found.not_judged) == ((), 0)


def test_clips_of_an_earlier_version_match_by_their_fingerprints_alone(
    catalog: Catalog, folder: Path
) -> None:
    for hz in (110, 220):
        write(folder, f"{hz}.wav", tone(hz, 1))
    ingest(catalog, [folder], SERIAL)
    with writing(catalog) as connection:
        connection.execute(update(clip).values(profile=None, profile_crc32=None, profile_version=None))
    assert ingest(catalog, [folder], SERIAL).reanalysed == 0
    found = dupes(catalog)
    assert [match.judged for group in found.groups for match in group.copies] == [False]
    assert found.not_judged == 1
    assert reanalyse(catalog, executor="serial").changed == 0
    assert dupes(catalog).groups == ()


def test_damage_to_a_profile_is_found_and_repaired(catalog: Catalog, folder: Path) -> None:
    for hz in (110, 220):
        write(folder, f"{hz}.wav", tone(hz, 1))
    ingest(catalog, [folder], SERIAL)
    with writing(catalog) as connection:
        connection.execute(update(clip).where(clip.c.id == 2).values(profile=b"x"))
    with pytest.raises(CatalogError, match="the profile of clip 2 is damaged"):
        dupes(catalog)
    assert verify(catalog).profiles == (2,)
    reanalyse(catalog, ["2"], executor="serial")
    assert verify(catalog).is_sound
    assert dupes(catalog).groups == ()


def test_thresholds_follow_the_settings(catalog: Catalog, folder: Path, sound: Any) -> None:
    y = sound(6, 8.0)
    write(folder, "a.wav", y)
    write(folder, "b.wav", y[2 * RATE :])
    ingest(catalog, [folder], SERIAL)
    assert dupes(catalog).groups == ()
    assert len(dupes(catalog).parts) == 1
    catalog.file.write_text("[dupes]\ncover = 0.5\n")
    with Catalog.open(catalog.file) as loose:
        assert names(dupes(loose)) == {"a.wav": {"b.wav"}}
    catalog.file.write_text("[dupes]\nwords = 300\n")
    with Catalog.open(catalog.file) as strict:
        assert dupes(strict) == replace(dupes(strict), groups=(), parts=())


def test_only_clips_of_the_query_are_grouped(catalog: Catalog, folder: Path, sound: Any) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        write(folder, name, sound(7, 6.0) * {"a.wav": 1, "b.wav": 0.5, "c.wav": 0.25}[name])
    ingest(catalog, [folder], replace(SERIAL, score=False))
    assert names(dupes(catalog, "1 , 3")) == {"a.wav": {"c.wav"}}
    judging.reject(catalog, ["2"])
    assert names(dupes(catalog)) == {"a.wav": {"c.wav"}}


@pytest.mark.slow
def test_on_the_corpus_nothing_unrelated_is_grouped(tmp_path: Path, corpus: Path) -> None:
    """Re-exports and twins have the same name there; the curated song contains two of its clips."""
    Catalog.create(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix", "aligned"]\n')
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [corpus / "neural"], IngestOptions(executor="threads"))
        found = dupes(catalog)
    pairs = [(group.kept.path, match.clip.path) for group in found.groups for match in group.copies]
    assert len(pairs) > 60
    assert {stem(kept) == stem(copy) for kept, copy in pairs} == {True}
    inside = {
        stem(part.part.clip.path): part
        for part in found.parts
        if stem(part.whole.path) == "ambiance_as_leaders" and part.is_contained
    }
    assert inside["aamgen_prism2t_dadabots_pre_0"].part.offset == pytest.approx(192.97, abs=0.2)
    assert inside["aamgen_prism2t_dadabots_pre_1"].part.offset == pytest.approx(280.21, abs=0.2)


def stem(path: str | None) -> str:
    return Path(path or "").stem


def test_clips_of_one_recording_are_not_compared(cut_clips: Catalog) -> None:
    found = dupes(cut_clips)
    assert [(group.kept.id, [match.clip.id for match in group.copies]) for group in found.groups] == [
        (2, [5, 6])
    ]
    assert found.parts == ()  # the marks lie in clip 3
    settings = cut_clips.settings.dupes
    with cut_clips.reading() as connection:
        cut, close = (read_close_clips(connection, ids, settings) for ids in ([5, 6, 7], [2, 5, 6]))
    assert copies_among(cut, settings) == set()
    assert copies_among(close, settings) == {2, 5, 6}
    assert without_copies([5, 6, 2], close, settings) == [5, 6]
    assert without_copies([2, 5, 6], close, settings) == [2]


def test_a_file_with_copies_is_listed_once_for_all_its_clips(cut_clips: Catalog) -> None:
    shutil.copy(cut_clips.root / "out/run_epoch_1_0.wav", cut_clips.root / "out/again.wav")
    ingest(cut_clips, [cut_clips.root / "out"], SERIAL)
    (same,) = dupes(cut_clips).byte_copies
    assert (same.clip.id, same.paths) == (5, ("out/again.wav", "out/run_epoch_1_0.wav"))
